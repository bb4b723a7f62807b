"""Whole runs on real data: what they leave behind, how they fail, that they repeat."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from mlflow import MlflowClient

import recipeline
from recipeline import runner
from recipeline.data import packed
from recipeline.errors import DataError, EnvironmentFault
from recipeline.recipe.load import load_recipe
from recipeline.serving import fresh
from recipeline.training.archive import read

RECIPE = """
name: iris
description: A small network on a small table.
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
preprocessing:
  - {type: impute, columns: numeric, strategy: median}
  - {type: standardize, columns: numeric}
architecture: {type: mlp, hidden: [8], dropout: 0.1}
optimizer: {type: adam, lr: 0.02}
scheduler: {type: exponential, gamma: 0.9}
regularization:
  - {type: l2, weight: 1e-4}
  - {type: early_stopping, patience: 3}
metrics: [accuracy]
reports: [curves]
training: {epochs: 4, batch_size: 16, accelerator: cpu}
tracking: {tags: {team: blue}}
"""
WITHOUT_PACKAGE = runner.STAGES[:-1]


def recipe_in(folder: Path, *overrides: str) -> recipeline.Recipe:
    path = folder / "iris.yaml"
    path.write_text(RECIPE)
    return load_recipe(path, overrides)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One complete run, read back by many tests."""
    folder = tmp_path_factory.mktemp("finished")
    before = Path.cwd()
    os.chdir(folder)
    try:
        result = runner.run(recipe_in(folder), command="recipeline run iris.yaml")
    finally:
        os.chdir(before)
    client = MlflowClient(result.tracking_uri)
    return result, client.get_run(result.run_id), client


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Run in a fresh folder, without the model's check in a second interpreter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "STAGES", WITHOUT_PACKAGE)

    def go(*overrides: str) -> tuple[runner.RunResult, object]:
        result = runner.run(recipe_in(tmp_path, *overrides))
        return result, MlflowClient(result.tracking_uri).get_run(result.run_id)

    return go


def only_run(uri: str):
    client = MlflowClient(uri)
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert len(runs) == 1
    return runs[0]


def artifacts(client: MlflowClient, run_id: str, path: str | None = None) -> set[str]:
    found = set()
    for item in client.list_artifacts(run_id, path):
        found |= artifacts(client, run_id, item.path) if item.is_dir else {item.path}
    return found


def test_the_params_are_flat_and_just_the_recipes(finished):
    _, run, _ = finished
    params = run.data.params
    assert params["architecture"] == "mlp"
    assert params["architecture.hidden"] == "8"
    assert params["preprocessing"] == "impute, standardize"
    assert params["preprocessing.impute.strategy"] == "median"
    assert params["regularization.l2.weight"] == "0.0001"
    assert params["task"] == "multiclass"
    assert params["loss"] == "cross_entropy"
    roots = {key.partition(".")[0] for key in params}
    assert roots == {
        "architecture", "data", "loss", "metrics", "optimizer", "preprocessing", "regularization", "reports",
        "scheduler", "seed", "task", "training",
    }  # fmt: skip
    assert not [value for value in params.values() if value.startswith(("{", "["))]


def test_the_metrics_are_those_of_the_contract(finished):
    result, run, client = finished
    assert set(run.data.metrics) == {
        "train/loss", "val/loss", "val/accuracy", "lr", "train/examples_per_second", "grad_norm",
        "test/loss", "test/accuracy", "best/epoch", "best/val/loss", "model/parameters",
        *(f"time/{stage}_seconds" for stage in runner.STAGES),
    }  # fmt: skip
    assert [m.step for m in client.get_metric_history(result.run_id, "train/loss")] == [1, 2, 3, 4]
    rates = [m.value for m in client.get_metric_history(result.run_id, "lr")]
    assert rates == pytest.approx([0.02 * 0.9**epoch for epoch in range(4)])
    losses = [m.value for m in client.get_metric_history(result.run_id, "val/loss")]
    assert run.data.metrics["best/val/loss"] == min(losses)
    assert run.data.metrics["best/epoch"] == losses.index(min(losses)) + 1
    assert run.data.metrics["model/parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert result.metrics["test/accuracy"] == run.data.metrics["test/accuracy"] > 0.6


def test_the_tags_say_where_it_comes_from(finished):
    _, run, _ = finished
    tags = run.data.tags
    assert tags["recipeline.version"] == recipeline.__version__
    assert tags["recipeline.plugins"] == f"recipeline=={recipeline.__version__}"
    assert tags["recipeline.command"] == "recipeline run iris.yaml"
    assert tags["recipeline.outcome"] == "finished"
    assert tags["team"] == "blue"
    assert len(tags["recipeline.recipe_sha256"]) == len(tags["recipeline.data_sha256"]) == 64
    assert "A small network on a small table." in tags["mlflow.note.content"]
    assert "test/accuracy" in tags["mlflow.note.content"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "iris"


def test_the_data_is_an_input_of_the_run(finished):
    _, run, _ = finished
    (entry,) = run.inputs.dataset_inputs
    assert run.data.tags["recipeline.data_sha256"].startswith(entry.dataset.digest)
    assert json.loads(entry.dataset.profile)["num_rows"] == 150
    assert {c["name"]: c["type"] for c in json.loads(entry.dataset.schema)["mlflow_colspec"]}["species"] == "string"


def test_the_artifacts_are_those_of_the_contract(finished):
    result, _, client = finished
    found = artifacts(client, result.run_id)
    assert found >= {
        "recipe/written.yaml", "recipe/resolved.yaml", "data/split.parquet", "data/profile.json",
        "preprocessing/state.json", "environment/requirements.txt", "reports/curves_loss.png",
        "checkpoints/best.ckpt", "checkpoints/last.ckpt",
    }  # fmt: skip


def test_the_logged_recipe_is_the_written_one_and_runs_again(finished, tmp_path):
    result, _, client = finished
    written = Path(client.download_artifacts(result.run_id, "recipe/written.yaml", str(tmp_path)))
    assert written.read_text() == RECIPE
    resolved = Path(client.download_artifacts(result.run_id, "recipe/resolved.yaml", str(tmp_path)))
    again = load_recipe(resolved)
    assert again.loss is not None
    assert again.loss.plugin_name == "cross_entropy"
    assert again.data.split is not None


def test_the_split_names_each_rows_part(finished, tmp_path):
    result, _, client = finished
    parts = pl.read_parquet(client.download_artifacts(result.run_id, "data/split.parquet", str(tmp_path)))
    assert parts.columns == ["row", "part"]
    assert parts["row"].to_list() == list(range(150))
    assert dict(parts["part"].value_counts().rows()) == {"train": 105, "validation": 23, "test": 22} or set(
        parts["part"].unique()
    ) == {"train", "validation", "test"}


def test_a_setting_that_differs_is_the_one_param_that_differs(quick):
    _, first = quick()
    _, second = quick("optimizer.lr=0.03")
    keys = set(first.data.params) | set(second.data.params)
    assert {k for k in keys if first.data.params.get(k) != second.data.params.get(k)} == {"optimizer.lr"}


def test_two_runs_of_one_recipe_give_the_same_bytes(quick, tmp_path):
    def weights(result: runner.RunResult) -> dict[str, bytes]:
        client = MlflowClient(result.tracking_uri)
        path = client.download_artifacts(result.run_id, "checkpoints/best.ckpt", str(tmp_path / result.run_id))
        state = read(io.BytesIO(Path(path).read_bytes()))["state_dict"]
        return {name: tensor.numpy().tobytes() for name, tensor in state.items()}

    def numbers(result: runner.RunResult, run) -> dict[str, list[float]]:
        client = MlflowClient(result.tracking_uri)
        keys = [k for k in run.data.metrics if not k.startswith("time/") and "per_second" not in k]
        return {k: [m.value for m in client.get_metric_history(result.run_id, k)] for k in keys}

    (tmp_path / "1").mkdir()
    one, two = quick(), quick()
    for result in (one[0], two[0]):
        (tmp_path / result.run_id).mkdir()
    assert weights(one[0]) == weights(two[0])
    assert numbers(*one) == numbers(*two)
    other = quick("seed=4")
    (tmp_path / other[0].run_id).mkdir()
    assert weights(other[0]) != weights(one[0])


PENGUINS = """
name: penguins
data: {source: {type: sample, dataset: penguins}, target: species}
preprocessing: [impute, standardize, {type: one_hot, columns: categorical}]
architecture: {type: mlp, hidden: [8]}
optimizer: adam
reports: []
training: {epochs: 2, batch_size: 16, accelerator: cpu, steps_per_call: 4}
"""


def test_packed_rows_train_and_are_judged_as_others_are(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "STAGES", WITHOUT_PACKAGE)
    monkeypatch.setattr(packed, "WORTH", 1)
    found = []
    for name, least in (("wide", packed.LEAST_BYTES), ("packed", 0)):
        monkeypatch.setattr(packed, "LEAST_BYTES", least)
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        (tmp_path / name / "penguins.yaml").write_text(PENGUINS)
        result = runner.run(load_recipe(tmp_path / name / "penguins.yaml"))
        (file,) = (tmp_path / name).glob(".recipeline/cache/arrays/*/train.numeric.npy")
        assert (np.load(file).dtype.names is not None) == (name == "packed")
        data = MlflowClient(result.tracking_uri).get_run(result.run_id).data
        judged = {
            key: value
            for key, value in data.metrics.items()
            if "per_second" not in key and key.startswith(("train/", "validation/", "test/"))
        }
        found.append((judged, data.tags["recipeline.weights_sha256"]))
    assert found[0] == found[1]
    assert "test/loss" in found[0][0]


@pytest.mark.parametrize("stage", runner.STAGES)
def test_a_failure_in_any_stage_is_a_failed_run_with_its_words(stage, tmp_path, monkeypatch):
    def broken(job):
        raise DataError(f"nothing works in {stage}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module(f"recipeline.stages.{stage}"), "run", broken)
    with pytest.raises(DataError, match=f"nothing works in {stage}"):
        runner.run(recipe_in(tmp_path, "training.epochs=1"))
    run = only_run(f"sqlite:///{tmp_path}/mlflow.db")
    assert run.info.status == "FAILED"
    assert run.data.tags["recipeline.outcome"] == "failed"
    assert f"nothing works in {stage}" in run.data.tags["recipeline.error"]
    assert f"nothing works in {stage}" in run.data.tags["mlflow.note.content"]


def test_a_full_disk_is_the_environments_fault(tmp_path, monkeypatch):
    def full(job):
        raise OSError(28, "No space left on device", "/x/array.npy")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.import_module("recipeline.stages.preprocess"), "run", full)
    with pytest.raises(EnvironmentFault, match=r"/x/array\.npy: preprocess failed: No space left on device"):
        runner.run(recipe_in(tmp_path))


def test_a_training_that_diverges_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = recipe_in(tmp_path, "optimizer={type: sgd, lr: 1e30}", "~scheduler", "~regularization")
    with pytest.raises(recipeline.TrainingError, match=r"not finite|no longer a finite number"):
        runner.run(recipe)
    assert only_run(f"sqlite:///{tmp_path}/mlflow.db").info.status == "FAILED"


def test_batch_norm_on_single_examples_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = recipe_in(tmp_path, "architecture.normalization=batch", "training.batch_size=1")
    with pytest.raises(recipeline.RecipeError, match="batch normalization can't train on one example at a time"):
        runner.run(recipe)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_killed_run(number, code, tmp_path):
    recipe_in(tmp_path)
    command = [sys.executable, "-m", "recipeline", "run", "iris.yaml", "training.epochs=100000", "~regularization.1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch"):
                break
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == code
    assert "Traceback" not in rest
    run = only_run(f"sqlite:///{tmp_path}/mlflow.db")
    assert run.info.status == "KILLED"
    assert run.data.tags["recipeline.outcome"] == "killed"


def test_two_processes_make_one_run(tmp_path):
    recipe_in(tmp_path)
    overrides = ["training.strategy=ddp", "training.devices=2", "training.epochs=2", "training.threads=1"]
    command = [sys.executable, "-m", "recipeline", "run", "iris.yaml", *overrides, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    run = only_run(f"sqlite:///{tmp_path}/mlflow.db")
    assert run.info.run_id == document["run_id"]
    assert run.info.status == "FINISHED"
    steps = [m.step for m in MlflowClient(document["tracking_uri"]).get_metric_history(run.info.run_id, "val/loss")]
    assert steps == [1, 2]


def test_a_started_run_waits_for_nobody(finished):
    result, run, _ = finished
    assert result.status == "FINISHED"
    assert result.seconds < 300
    assert run.info.end_time <= time.time() * 1000


def test_a_value_from_the_environment_shows_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_PLACE", "s3cr3t-bucket-key")
    path = tmp_path / "secret.yaml"
    path.write_text(RECIPE.replace("{type: sample, dataset: iris}", '{type: csv, path: "${env:SECRET_PLACE}.csv"}'))
    with pytest.raises(DataError) as caught:
        runner.run(load_recipe(path))
    assert "s3cr3t" not in str(caught.value)
    assert "${env:SECRET_PLACE}" in str(caught.value)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"s3cr3t" not in file.read_bytes(), file


def test_a_loss_that_does_not_suit_the_inferred_task_stops_before_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(recipeline.RecipeError, match=r"loss.*'mse'.*multiclass"):
        runner.run(recipe_in(tmp_path, "loss=mse"))


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_other_precisions_train_and_answer(precision, quick):
    result, _ = quick(f"training.precision={precision}", "training.epochs=2")
    assert result.status == "FINISHED"
    assert 0 <= result.metrics["test/accuracy"] <= 1


STEPS = [
    "[drop_duplicates, {type: impute, indicator: true}, clip_outliers, {type: standardize, columns: numeric}, one_hot]",
    "[drop_missing, {type: replace, values: {male: M}, columns: sex}, {type: robust, columns: numeric}, ordinal]",
    "[strip_text, impute, {type: power, columns: numeric}, {type: unit_norm, columns: numeric}, one_hot]",
    "[impute, {type: bin, columns: body_mass_g}, {type: quantile, columns: numeric}, ordinal]",
    "[impute, {type: min_max, columns: bill_*}, {type: max_abs, columns: flipper_length_mm}, "
    "{type: log, columns: body_mass_g}, {type: cast, columns: year, to: number}, "
    "{type: drop_columns, columns: island}, one_hot]",
]


@pytest.mark.parametrize("steps", STEPS, ids=range(len(STEPS)))
def test_rows_outside_the_train_part_leave_no_trace_in_the_weights(steps, tmp_path, monkeypatch):
    """Every validation and test row is made over; the last epoch's weights stay the same, byte for byte."""
    from palmerpenguins import load_penguins

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "STAGES", WITHOUT_PACKAGE)
    part = pl.Series("part", ["train", "train", "validation", "test"] * 86)
    other = pl.col("part") != "train"
    numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    rows = pl.from_pandas(load_penguins()).with_columns(part)
    if "impute" not in steps:  # nothing fills a hole outside the train part, where no row is left out
        holes = [pl.when(other).then(pl.col(name).fill_null(40)).otherwise(pl.col(name)) for name in numbers]
        rows = rows.with_columns(*holes, pl.when(other).then(pl.col("sex").fill_null("male")).otherwise(pl.col("sex")))
    corrupted = rows.with_columns(
        *(pl.when(other).then(pl.col(name) * 7 + 3).otherwise(pl.col(name)).alias(name) for name in numbers),
        pl.when(other).then(pl.lit("nowhere")).otherwise(pl.col("island")).alias("island"),
        pl.when(other).then(pl.lit("none")).otherwise(pl.col("sex")).alias("sex"),
        pl.when(other).then(pl.lit("Gentoo")).otherwise(pl.col("species")).alias("species"),
    )

    def weights(table: pl.DataFrame, name: str) -> dict[str, bytes]:
        table.write_csv(tmp_path / f"{name}.csv")
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\ndata: {{source: {{type: csv, path: {name}.csv}}, target: species, "
            f"split: {{type: column, column: part}}}}\npreprocessing: {steps}\n"
            "architecture: {type: mlp, hidden: [8]}\nreports: []\n"
            "training: {epochs: 2, batch_size: 32, accelerator: cpu}\n"
        )
        result = runner.run(load_recipe(tmp_path / f"{name}.yaml"))
        client = MlflowClient(result.tracking_uri)
        (tmp_path / result.run_id).mkdir()
        path = client.download_artifacts(result.run_id, "checkpoints/last.ckpt", str(tmp_path / result.run_id))
        state = read(io.BytesIO(Path(path).read_bytes()))["state_dict"]
        return {key: tensor.numpy().tobytes() for key, tensor in state.items() if key.startswith("network.")}

    assert weights(rows, "whole") == weights(corrupted, "corrupted")


def test_a_folder_for_runs_that_cant_be_made_is_a_fault_of_the_environment(tmp_path, monkeypatch):
    (tmp_path / "taken").touch()
    monkeypatch.setenv("RECIPELINE_HOME", str(tmp_path / "taken"))
    with pytest.raises(EnvironmentFault, match=r"can't be written: File exists \(found .*taken\)\. .*RECIPELINE_HOME"):
        runner.work_folder()


def test_a_run_is_ended_from_outside_though_nobody_reads_what_it_says(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr(runner, "_finish", lambda *_: print("not told either", file=sys.stderr))
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "stderr", Gone())
    job = SimpleNamespace(recipe=SimpleNamespace(redact=str))
    with pytest.raises(SystemExit) as ended:
        runner._abandon(job, EnvironmentFault("a process is gone"))
    assert ended.value.code == 4


def test_a_store_that_cant_be_opened_leaves_no_interpreter_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = []
    monkeypatch.setattr(fresh, "FreshInterpreter", lambda: SimpleNamespace(close=lambda: ended.append(True)))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://nowhere")
    with pytest.raises(EnvironmentFault, match="ftp"):
        runner.run(recipe_in(tmp_path))
    assert ended == [True]
