"""What every run holds, read back from the store line by line: a regression on a CSV file in a changed repository."""

import contextlib
import importlib.metadata
import json
import pickletools
import subprocess
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

import recipeline
from recipeline import runner
from recipeline.recipe.load import load_recipe
from recipeline.serving.store import as_default

RECIPE = """\
name: flats
description: What a flat costs.
seed: 5
data:
  source: {type: csv, path: flats.csv}
  target: price
preprocessing:
  - {type: impute, columns: numeric, strategy: median}
  - {type: one_hot, columns: categorical}
  - {type: standardize, columns: numeric}
  - normalize_target
architecture: {type: mlp, hidden: [4]}
regularization: [{type: l2, weight: 0.01}]
metrics: [rmse]
reports: [residuals]
training: {epochs: 3, batch_size: 32, accelerator: cpu, threads: 1}
tracking: {experiment: homes, tags: {team: blue}}
"""
ROWS = pl.DataFrame(
    {
        "area": [None if n % 9 == 4 else 30 + n % 70 for n in range(200)],
        "town": [("Oslo", "Rome", "Bern")[n % 3] for n in range(200)],
        "price": [1000.0 + 30 * (n % 70) + 200 * (n % 3) for n in range(200)],
    }
)
COMMAND = "recipeline run flats.yaml"


def git(*arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Two runs of one recipe, what they hold, and the files of the first one and of its model."""
    folder = tmp_path_factory.mktemp("repository")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        ROWS.write_csv("flats.csv")
        Path("flats.yaml").write_text(RECIPE.replace("seed: 5", "seed: 4"))
        Path(".gitignore").write_text("mlflow.db\nmlruns\n")
        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "Start")
        commit = git("rev-parse", "HEAD")
        Path("flats.yaml").write_text(RECIPE)
        result = runner.run(load_recipe("flats.yaml"), command=COMMAND)
        patch.setattr(runner, "STAGES", runner.STAGES[:-1])
        again = runner.run(load_recipe("flats.yaml"), command=COMMAND)
        git("checkout", "-q", "flats.yaml")
        clean = runner.run(load_recipe("flats.yaml"), command=COMMAND)
    client = MlflowClient(result.tracking_uri)
    with as_default(result.tracking_uri):
        files = Path(client.download_artifacts(result.run_id, "", str(tmp_path_factory.mktemp("files"))))
        model = Path(download_artifacts(artifact_uri=result.model_uri, dst_path=str(tmp_path_factory.mktemp("model"))))
    return SimpleNamespace(
        result=result,
        run=client.get_run(result.run_id),
        again=client.get_run(again.run_id),
        clean=client.get_run(clean.run_id),
        client=client,
        files=files,
        model=model,
        commit=commit,
    )


def test_params(held):
    params = held.run.data.params
    wanted = {
        "architecture": "mlp", "architecture.hidden": "4", "loss": "mse", "optimizer": "adam",
        "regularization.l2.weight": "0.01", "preprocessing": "impute, one_hot, standardize, normalize_target",
        "preprocessing.impute.strategy": "median", "training.batch_size": "32", "data.target": "price", "seed": "5",
        "task": "regression",
    }  # fmt: skip
    assert {key: params.get(key) for key in wanted} == wanted
    assert "flats.csv" in params["data.source"]
    assert float(params["optimizer.lr"]) > 0
    assert not [value for value in params.values() if value.startswith(("{", "["))]
    assert held.again.data.params == params


def test_metrics(held):
    by_epoch = {"train/loss", "val/loss", "val/rmse", "lr", "train/examples_per_second", "grad_norm"}
    once = {"test/loss", "test/rmse", "best/epoch", "best/val/loss", "model/parameters"} | {
        f"time/{stage}_seconds"
        for stage in ("read", "split", "preprocess", "build", "fit", "evaluate", "report", "package")
    }
    assert set(held.run.data.metrics) == by_epoch | once
    for name in by_epoch:
        assert [m.step for m in held.client.get_metric_history(held.result.run_id, name)] == [1, 2, 3], name
    for name in once:
        assert [m.step for m in held.client.get_metric_history(held.result.run_id, name)] == [0], name


def test_tags(held):
    tags = held.run.data.tags
    version = importlib.metadata.version("recipeline")
    timed = {"recipeline.threads", "recipeline.steps_per_call"}
    assert all(int(tags[key]) >= 1 for key in timed)
    timed.add("recipeline.local_id")
    assert len(tags["recipeline.local_id"]) == 32
    ours = {key for key in tags if key.startswith("recipeline.") and "sha256" not in key} - timed
    assert {key: tags[key] for key in ours} == {
        "recipeline.version": recipeline.__version__,
        "recipeline.plugins": f"recipeline=={version}",
        "recipeline.git_commit": held.commit,
        "recipeline.git_dirty": "true",
        "recipeline.command": COMMAND,
        "recipeline.outcome": "finished",
        "recipeline.workers": "0 (the train rows are in memory)",
    }
    assert tags["team"] == "blue"
    assert held.run.info.run_name == "flats"
    assert held.client.get_experiment(held.run.info.experiment_id).name == "homes"


@pytest.mark.parametrize("name", ["recipeline.recipe_sha256", "recipeline.data_sha256"])
def test_digests_are_the_same_for_the_same_and_others_for_others(held, name):
    one, again, clean = (run.data.tags[name] for run in (held.run, held.again, held.clean))
    assert len(one) == 64
    assert one == again
    assert (one == clean) == (name == "recipeline.data_sha256")


def test_a_repository_without_changes_is_clean(held):
    assert held.clean.data.tags["recipeline.git_dirty"] == "false"
    assert not held.client.list_artifacts(held.clean.info.run_id, "environment/git.patch")
    paths = [item.path for item in held.client.list_artifacts(held.clean.info.run_id, "environment")]
    assert sorted(paths) == ["environment/fingerprint.json", "environment/requirements.txt"]


def test_the_note_says_what_was_trained_the_result_and_how_to_go_on(held):
    said = held.run.data.tags["mlflow.note.content"]
    assert "**flats**: What a flat costs." in said
    assert f"| test/rmse | {held.run.data.metrics['test/rmse']:.6g} |" in said
    short = held.result.run_id[:8]
    assert f"recipeline predict {short} DATA.csv" in said
    assert f"recipeline compare {short}" in said
    assert f"mlflow models serve -m {held.result.model_uri} " in said


def test_inputs(held):
    (entry,) = held.run.inputs.dataset_inputs
    assert held.run.data.tags["recipeline.data_sha256"][:36] == entry.dataset.digest
    assert [(tag.key, tag.value) for tag in entry.tags] == [("mlflow.data.context", "training")]
    assert {c["name"]: c["type"] for c in json.loads(entry.dataset.schema)["mlflow_colspec"]} == {
        "area": "long",
        "town": "string",
        "price": "double",
    }
    profile = json.loads(entry.dataset.profile)
    assert profile.pop("num_rows") == 200 == sum(profile.values())
    assert set(profile) == {"train_rows", "validation_rows", "test_rows"}
    assert "flats.csv" in json.loads(entry.dataset.source)["uri"]


def test_artifacts(held):
    found = {path.relative_to(held.files).as_posix() for path in held.files.rglob("*") if path.is_file()}
    assert found == {
        "recipe/written.yaml", "recipe/resolved.yaml", "data/split.parquet", "data/profile.json",
        "preprocessing/state.json", "environment/requirements.txt", "environment/git.patch", "reports/residuals.png",
        "checkpoints/best.ckpt", "checkpoints/last.ckpt", "environment/fingerprint.json", "data/rows.parquet",
    }  # fmt: skip
    assert (held.files / "recipe/written.yaml").read_text() == RECIPE
    patch = (held.files / "environment/git.patch").read_text()
    assert "-seed: 4\n+seed: 5\n" in patch
    installed = (held.files / "environment/requirements.txt").read_text().splitlines()
    assert f"torch=={importlib.metadata.version('torch')}" in installed
    parts = pl.read_parquet(held.files / "data/split.parquet")
    assert parts["row"].to_list() == list(range(200))
    assert set(parts["part"]) == {"train", "validation", "test"}
    assert json.loads((held.files / "data/profile.json").read_text())
    state = json.loads((held.files / "preprocessing/state.json").read_text())
    assert [step["plugin"]["type"] for step in state["steps"]] == ["impute", "one_hot", "standardize"]


def test_the_model_takes_raw_rows_and_shows_some(held):
    from mlflow.models import Model

    described = Model.load(str(held.model))
    assert [column.name for column in described.get_input_schema()] == ["area", "town"]
    assert [(c.name, c.type.name) for c in described.get_output_schema()] == [("prediction", "double")]
    example = described.load_input_example(str(held.model))
    assert example.columns.tolist() == ["area", "town"]
    assert len(example) >= 2
    (output,) = held.run.outputs.model_outputs
    assert held.result.model_uri == f"models:/{output.model_id}"
    required = (held.model / "requirements.txt").read_text().splitlines()
    for name in ("recipeline", "torch", "polars", "mlflow", "safetensors"):
        assert f"{name}=={importlib.metadata.version(name).partition('+')[0]}" in required


def is_pickle(content):
    """Whether a file is one pickle from its first byte to its last, or holds one that protocol 2 or later begins."""
    if content[:1] != b"\x80":
        return False
    with contextlib.suppress(ValueError, UnicodeDecodeError, IndexError):
        return any(op.name == "STOP" for op, _, _ in pickletools.genops(content))
    return False


def test_the_model_is_code_weights_and_json_and_no_pickle(held):
    files = [path for path in held.model.rglob("*") if path.is_file()]
    assert not [path.name for path in files if is_pickle(path.read_bytes())]
    assert {path.suffix for path in files} <= {"", ".py", ".json", ".yaml", ".txt", ".safetensors"}
    (weights,) = [path for path in files if path.suffix == ".safetensors"]
    from safetensors import safe_open

    with safe_open(weights, "pt") as opened:
        numbers = sum(opened.get_tensor(name).numel() for name in opened.keys())  # noqa: SIM118 - it is no mapping
    assert numbers == held.run.data.metrics["model/parameters"]
    (code,) = [path for path in files if path.suffix == ".py"]
    theirs = Path(recipeline.__file__).parent / "serving" / "model.py"
    assert sha256(code.read_bytes()).digest() == sha256(theirs.read_bytes()).digest()
