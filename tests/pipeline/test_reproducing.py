"""A finished run is run again from what it has logged; it is said how close it came, and what may explain the rest."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from mlflow import MlflowClient

from recipeline import reproducing, runner
from recipeline.cli.main import main
from recipeline.errors import DataError, RecipeError, UsageError
from recipeline.recipe.load import load_recipe
from recipeline.resuming import resume
from recipeline.tracking.logged import logged
from recipeline.training.observer import Observer

STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")
RECIPE = """
name: iris
seed: 3
data: {source: {type: csv, path: iris.csv}, target: species}
architecture: {type: mlp, hidden: [6], dropout: 0.2}
optimizer: {type: adam, lr: 0.02}
regularization: [noise]
training: {epochs: 3, batch_size: 16, accelerator: cpu}
tracking: {register_as: iris}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, recipe and an MLflow store with one finished run, and its id."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(runner, "STAGES", STAGES)
        from sklearn.datasets import load_iris

        table = load_iris(as_frame=True).frame.rename(columns={"target": "species"})
        table["species"] = table["species"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
        table.to_csv("iris.csv", index=False)
        (folder / "iris.yaml").write_text(RECIPE)
        yield folder, runner.run(load_recipe("iris.yaml")).run_id


@pytest.fixture
def run_id(place, monkeypatch):
    """The run's id, in its folder."""
    folder, run_id = place
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(runner, "STAGES", STAGES)
    before = Path("iris.csv").read_text()
    yield run_id
    Path("iris.csv").write_text(before)


@pytest.fixture
def as_if(monkeypatch):
    """Let the run have logged something else."""

    def change(**values):
        def changed(run, folder):
            found = logged(run, folder)
            given = {name: value(found) if callable(value) else value for name, value in values.items()}
            return replace(found, **given)

        monkeypatch.setattr(reproducing, "logged", changed)

    return change


def client():
    return MlflowClient(f"sqlite:///{Path('mlflow.db').absolute()}")  # MLflow keeps stores by their names


def texts(done):
    return [difference.text for difference in done.differences]


def change_cell(row: int, column: int, value: str) -> None:
    lines = Path("iris.csv").read_text().splitlines()
    cells = lines[row].split(",")
    cells[column] = value
    lines[row] = ",".join(cells)
    Path("iris.csv").write_text("\n".join(lines) + "\n")


def test_the_same_numbers_come_out_and_the_new_run_says_so(run_id):
    done = reproducing.reproduce(run_id[:8])
    assert (done.outcome, done.differences, done.identical) == ("identical", [], True)
    assert {"test/accuracy", "test/loss", "val/loss", "train/loss", "best/epoch", "grad_norm"} <= {
        metric.name for metric in done.metrics
    }
    assert next(metric for metric in done.metrics if metric.name == "val/loss").values == 3
    assert not [metric.name for metric in done.metrics if "second" in metric.name]
    old, new = client().get_run(run_id), client().get_run(done.result.run_id)
    assert old.info.run_id != new.info.run_id
    assert new.info.status == "FINISHED"
    assert (new.data.tags["recipeline.reproduces"], new.data.tags["recipeline.reproduced"]) == (run_id, "identical")
    for tag in (
        "recipeline.recipe_sha256",
        "recipeline.data_sha256",
        "recipeline.threads",
        "recipeline.weights_sha256",
    ):
        assert new.data.tags[tag] == old.data.tags[tag]
    assert new.data.params == old.data.params
    assert "recipeline.reproduces" not in old.data.tags
    report = json.loads(Path(client().download_artifacts(done.result.run_id, "reproduction/report.json")).read_text())
    assert (report["outcome"], report["reproduces"]) == ("identical", run_id)
    assert report["compared"]["val/loss"]["identical"] is True
    assert report["weights"] is True
    assert done.recipe.tracking.register_as is None


def test_a_reproduction_can_be_reproduced(run_id):
    first = reproducing.reproduce(run_id)
    assert reproducing.reproduce(first.result.run_id).outcome == "identical"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_another_number_of_threads_is_said(run_id):
    done = reproducing.reproduce(run_id, ["training.threads=2"])
    assert texts(done) == [
        "training.threads was auto and is 2",
        "torch's CPU threads were 1 and are 2",
    ]
    assert done.outcome in ("identical", "different")


def test_threads_that_the_environment_names_are_heard_and_said(run_id, as_if, monkeypatch):
    as_if(threads=2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = reproducing.reproduce(run_id)
    assert texts(done) == ["torch's CPU threads were 2 and are 1 (OMP_NUM_THREADS is 1)"]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_threads_that_were_left_open_are_taken_from_the_run(run_id, as_if):
    as_if(threads=2)
    done = reproducing.reproduce(run_id)
    assert texts(done) == []
    assert client().get_run(done.result.run_id).data.tags["recipeline.threads"] == "2"


def test_a_changed_row_is_named_and_every_row_stays_in_its_part(run_id):
    change_cell(18, 1, "9.9")  # the line after 17 rows and the header
    done = reproducing.reproduce(run_id)
    (said,) = texts(done)
    assert said.startswith("the data ")
    assert "iris.csv have been changed: 1 row has changed of 150: row 18" in said
    assert done.outcome == "different"
    assert any(not metric.identical for metric in done.metrics)


def test_a_changed_class_does_not_deal_out_the_rows_anew(run_id, tmp_path):
    change_cell(60, 4, "virginica")
    done = reproducing.reproduce(run_id)
    parts = [
        pl.read_parquet(client().download_artifacts(run, "data/split.parquet", str(tmp_path)))["part"].to_list()
        for run in (run_id, done.result.run_id)
    ]
    assert parts[0] == parts[1]
    assert [difference.kind for difference in done.differences] == ["data"]
    assert "species" in texts(done)[0] or "row 60" in texts(done)[0]


def test_where_the_data_lie_is_not_told_where_it_is_a_secret(run_id, tmp_path, monkeypatch):
    change_cell(18, 1, "9.9")
    secret = tmp_path / "top_secret"
    secret.mkdir()
    shutil.copy("iris.csv", secret)
    monkeypatch.setenv("WHERE", str(secret))
    done = reproducing.reproduce(run_id, ["data.source.path=${env:WHERE}/iris.csv"])
    (said,) = texts(done)
    assert said.startswith("the data ${env:WHERE}/iris.csv have been changed: 1 row has changed of 150: row 18")
    assert "top_secret" not in json.dumps(done.report())
    logged_as = client().download_artifacts(done.result.run_id, "environment/fingerprint.json", str(tmp_path))
    assert "top_secret" not in Path(logged_as).read_text()


def test_a_reproduction_that_was_stopped_goes_on_with_the_split_of_the_run(run_id, tmp_path):
    class Stopping(Observer):
        def epoch_finished(self, epoch, metrics):
            raise KeyError("stopped")

    change_cell(60, 4, "virginica")
    with pytest.raises(KeyError):
        reproducing.reproduce(run_id, observer=Stopping())
    stopped = next(run for run in client().search_runs(["1"]) if run.info.status == "FAILED")  # the latest
    assert stopped.data.tags["recipeline.reproduces"] == run_id
    assert "recipeline.reproduced" not in stopped.data.tags
    _, result = resume(stopped.info.run_id)
    assert result.status == "FINISHED"
    parts = [
        pl.read_parquet(client().download_artifacts(run, "data/split.parquet", str(tmp_path)))["part"].to_list()
        for run in (run_id, stopped.info.run_id)
    ]
    assert parts[0] == parts[1]


def test_a_row_that_is_gone_is_said_and_the_split_made_anew(run_id):
    lines = Path("iris.csv").read_text().splitlines()
    Path("iris.csv").write_text("\n".join(lines[:40] + lines[41:]) + "\n")
    done = reproducing.reproduce(run_id)
    said = texts(done)
    assert "1 row is gone, which stood at row 40 of 150" in said[0]
    assert "the split is another one: it is of 149 rows now, and was of 150" in said


def test_another_split_that_is_asked_for_is_made(run_id):
    done = reproducing.reproduce(run_id, ["data.split={type: random, train: 0.5, validation: 0.25, test: 0.25}"])
    said = [(difference.kind, difference.text) for difference in done.differences]
    assert ("settings", "data.split.train was 0.7 and is 0.5") in said
    (moved,) = [text for kind, text in said if kind == "split"]
    assert moved.endswith(" of 150 rows are in another part")


def test_rows_that_were_only_written_otherwise_are_the_same(run_id):
    Path("iris.csv").write_text(Path("iris.csv").read_text().replace("setosa", '"setosa"', 1))
    done = reproducing.reproduce(run_id)
    assert done.identical
    assert "the rows are the same: only the way in which they are written or read has changed" in texts(done)[0]


def test_other_surroundings_are_named(run_id, as_if):
    def another(found):
        changed = {kind: dict(values) for kind, values in found.environment.items()}
        changed["versions"]["torch"] = "1.0"
        changed["plugins"]["recipeline"] = "0.0.1"
        changed["code"]["recipeline"] = "0"
        changed["machine"] |= {"the processor": "Z80", "training.devices": "2"}
        return changed

    as_if(environment=another)
    said = texts(reproducing.reproduce(run_id))
    for text, beginning in zip(
        said,
        (
            "the source code of the package 'recipeline' has been changed",
            "recipeline was 0.0.1 and is 0.",
            "torch was 1.0 and is 2",
            "the processor was Z80 and is ",
            "training.devices was 2 and is 1",
        ),
        strict=True,
    ):
        assert text.startswith(beginning)


def test_other_packages_are_told_in_one_sentence(run_id, as_if):
    as_if(packages=lambda found: {**found.packages, "click": "0.1", "gone": "3"})
    (text,) = texts(reproducing.reproduce(run_id))
    assert text.startswith("2 other packages: click was 0.1 and is 8.")
    assert text.endswith("; gone was 3 and is not there")


def test_a_run_that_has_logged_no_surroundings_is_said_to_be_less_known(run_id, as_if):
    as_if(environment={})
    assert texts(reproducing.reproduce(run_id)) == [
        "which code and machine the run had was not logged by that recipeline"
    ]


def test_other_numbers_without_a_reason_end_with_exit_code_1(run_id, as_if, capsys):
    as_if(curves=lambda found: {**found.curves, "test/loss": {0: 2 * found.curves["test/loss"][0]}})
    assert main(["reproduce", run_id, "-q"]) == 1
    said = capsys.readouterr().out
    assert "Not identical: 1 of " in said
    assert "by 50 % at most (test/loss). Nothing that is known differs: recipe, data, split, code," in said
    tags = client().get_run(client().search_runs(["1"], max_results=1)[0].info.run_id).data.tags
    assert tags["recipeline.reproduced"] == "unexplained"


def test_other_weights_are_seen_where_every_metric_is_the_same(run_id, as_if, capsys):
    def logging(digest):
        return lambda found: replace(found.run, tags=found.run.tags | {"recipeline.weights_sha256": digest})

    as_if(run=logging("0" * 64))
    assert main(["reproduce", run_id, "-q"]) == 1
    said = capsys.readouterr().out
    assert "metrics are, and the weights of the best epoch are not. Nothing that is known differs" in said


def test_a_run_that_has_no_digest_of_its_weights_is_compared_without(run_id, as_if):
    def without(found):
        return replace(found.run, tags={k: v for k, v in found.run.tags.items() if "weights" not in k})

    as_if(run=without)
    done = reproducing.reproduce(run_id)
    assert (done.outcome, done.same_weights, done.report()["weights"]) == ("identical", None, None)


def test_somebody_in_another_folder_reproduces_it(run_id, place, tmp_path, monkeypatch):
    folder, _ = place
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    assert reproducing.reproduce(run_id).outcome == "identical"


def test_where_the_runs_folder_is_gone_the_working_folder_counts(run_id, place, tmp_path, monkeypatch, as_if):
    folder, _ = place
    as_if(folder=folder / "gone")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    with pytest.raises(DataError, match=r"there is no file 'iris.csv'"):
        reproducing.reproduce(run_id)
    shutil.copy(folder / "iris.csv", tmp_path / "flowers.csv")
    done = reproducing.reproduce(run_id, ["data.source.path=flowers.csv"])
    assert (done.outcome, texts(done)) == ("identical", [])


def test_a_plugin_that_is_not_here_is_named_with_its_distribution(run_id, as_if):
    as_if(
        recipe=lambda found: found.recipe.replace("type: adam", "type: house_adam"),
        run=lambda found: replace(found.run, tags={**found.run.tags, "recipeline.plugins": "house-plugins==0.3"}),
    )
    with pytest.raises(RecipeError) as caught:
        reproducing.reproduce(run_id)
    said = str(caught.value)
    assert f"recipe/resolved.yaml of the run {run_id[:8]}:" in said
    assert "no optimizer is named 'house_adam'" in said
    assert "the run had plugins of house-plugins 0.3 (found none here). Install it from where you trust it" in said


def test_a_split_from_elsewhere_is_looked_at(run_id, monkeypatch, tmp_path):
    from recipeline.tracking import logged as module

    strange = tmp_path / "strange.parquet"
    pl.DataFrame({"row": [0], "part": ["tomorrow"]}).write_parquet(strange)
    fetch = module.fetch_artifact
    monkeypatch.setattr(
        module,
        "fetch_artifact",
        lambda run, path, folder: strange if path == "data/split.parquet" else fetch(run, path, folder),
    )
    with pytest.raises(UsageError, match=r"as data/split.parquet can't be read: there is no part 'tomorrow'"):
        reproducing.reproduce(run_id)


def test_an_unknown_run_and_one_that_has_not_finished_are_refused(run_id):
    with pytest.raises(UsageError, match="no run is meant by 'nobody'"):
        reproducing.reproduce("nobody")
    store = client()
    for status, said in (("RUNNING", "is under way"), ("FAILED", "has not finished"), ("KILLED", "has not finished")):
        other = store.create_run("1", run_name=f"was {status}").info.run_id
        store.update_run(other, status=status)
        with pytest.raises(UsageError, match=rf"the run {other} \(was {status}\) {said} \(found {status}\)") as caught:
            reproducing.reproduce(other)
        assert caught.value.exit_code == 2


def test_a_run_of_another_tool_has_no_recipe(run_id):
    store = client()
    other = store.create_run("1", run_name="theirs").info.run_id
    store.set_terminated(other)
    with pytest.raises(UsageError, match=r"\(theirs\) has no recipe \(recipe/resolved.yaml\)"):
        reproducing.reproduce(other)


def test_the_command_answers_people_and_machines(run_id, capsys):
    assert main(["reproduce", run_id, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["outcome"], answer["reproduces"], answer["status"]) == ("identical", run_id, "FINISHED")
    assert answer["run_id"] != run_id
    assert answer["compared"]["test/loss"]["then"] == answer["compared"]["test/loss"]["now"]
    assert main(["reproduce", run_id, "-q"]) == 0
    said = capsys.readouterr()
    assert f"iris: the run {run_id[:8]}, run again in " in said.out
    assert "Identical: all " in said.out
    assert "epoch" not in said.err
