"""A run that stopped goes on in the same MLflow run, and ends with the same numbers as one that never stopped."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from recipeline import resuming, runner
from recipeline.cli.main import main
from recipeline.errors import EnvironmentFault, Interrupted, UnsafeError, UsageError
from recipeline.recipe.load import load_recipe
from recipeline.resuming import resume
from recipeline.tracking.alive import Alive
from recipeline.training.observer import Observer

RECIPE = """
name: iris
seed: 3
data: {source: {type: csv, path: iris.csv}, target: species}
architecture: {type: mlp, hidden: [6], dropout: 0.2}
optimizer: {type: adam, lr: 0.02}
scheduler: {type: plateau, patience: 1}
regularization: [noise, {type: early_stopping, patience: 50}]
training: {epochs: 6, batch_size: 16, accelerator: cpu, checkpoint: {epochs: 2}}
"""
STOPPED = 5
"""The epoch in which the runs of these tests are stopped; the newest checkpoint is that of the fourth."""
BY_THE_CLOCK = ("train/examples_per_second", "time/")


class Stop(Exception):
    """Stands for whatever ended a process."""


class Watching(Observer):
    """Stops the run at the end of an epoch, and keeps its notes."""

    def __init__(self, stop: int | None = None):
        self.stop = stop
        self.notes: list[str] = []

    def note(self, text):
        self.notes.append(text)

    def epoch_finished(self, epoch, metrics):
        if epoch == self.stop:
            raise Stop


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, recipe and an MLflow store, and the folder of a run that was stopped."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(runner, "STAGES", ("read", "split", "preprocess", "build", "fit", "evaluate"))
        from sklearn.datasets import load_iris

        table = load_iris(as_frame=True).frame.rename(columns={"target": "species"})
        table["species"] = table["species"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
        table.to_csv("iris.csv", index=False)
        (folder / "iris.yaml").write_text(RECIPE)
        whole = runner.run(load_recipe("iris.yaml"))
        with pytest.raises(Stop):
            runner.run(load_recipe("iris.yaml", ["name=stopped"]), observer=Watching(STOPPED))
        (stopped,) = (folder / ".recipeline" / "runs").iterdir()
        shutil.copytree(folder / ".recipeline" / "runs", folder / "kept")
        copy_store(folder / "mlflow.db", folder / "kept.db")
        yield folder, whole, stopped.name


@pytest.fixture
def stopped(place, monkeypatch):
    """The stopped run's id, everything of it on this machine as it was when it was stopped."""
    folder, _, run_id = place
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(runner, "STAGES", ("read", "split", "preprocess", "build", "fit", "evaluate"))
    shutil.rmtree(folder / ".recipeline" / "runs")
    shutil.copytree(folder / "kept", folder / ".recipeline" / "runs")
    copy_store(folder / "kept.db", folder / "mlflow.db")
    return run_id


def copy_store(source: Path, target: Path) -> None:
    """As another user of the database would, so that connections that are open see it."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def curves(client: MlflowClient, run_id: str) -> dict[str, list[tuple[int, float]]]:
    keys = [key for key in client.get_run(run_id).data.metrics if not key.startswith(BY_THE_CLOCK)]
    return {key: [(m.step, m.value) for m in client.get_metric_history(run_id, key)] for key in keys}


def test_it_ends_with_the_same_numbers_in_the_same_run(place, stopped):
    _, whole, _ = place
    watching = Watching()
    recipe, result = resume(stopped[:8], observer=watching)
    client = MlflowClient(result.tracking_uri)
    run = client.get_run(stopped)
    assert (result.run_id, result.status, run.info.status) == (stopped, "FINISHED", "FINISHED")
    assert recipe.name == "stopped"
    assert curves(client, stopped) == curves(client, whole.run_id)
    assert len(curves(client, stopped)["val/loss"]) == 6
    assert run.data.params == client.get_run(whole.run_id).data.params
    assert run.data.tags["recipeline.resume_exact"] == "true"
    assert run.data.tags["recipeline.resumed"] == "1"
    assert run.data.tags["recipeline.outcome"] == "finished"
    assert any("going on after epoch 4, optimizer step 28, from " in note for note in watching.notes)
    assert not (Path(".recipeline") / "runs" / stopped).exists()


@pytest.mark.parametrize("reference", ["stopped", "last"])
def test_what_was_stopped_again_goes_on_again(reference, place, stopped):
    _, whole, _ = place
    with pytest.raises(Stop):
        resume(reference, observer=Watching(6))
    _, result = resume(reference)
    client = MlflowClient(result.tracking_uri)
    assert curves(client, stopped) == curves(client, whole.run_id)
    assert client.get_run(stopped).data.tags["recipeline.resumed"] == "2"


def test_a_signal_waits_for_a_checkpoint(place, stopped):
    _, whole, _ = place

    class Signalling(Watching):
        def epoch_finished(self, epoch, metrics):
            if epoch == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    watching = Signalling()
    with pytest.raises(Interrupted):
        runner.run(load_recipe("iris.yaml", ["name=signalled"]), observer=watching)
    (note,) = [note for note in watching.notes if "goes on where it stopped" in note]
    run_id = note.rpartition(" ")[2]
    watching = Watching()
    _, result = resume(run_id, observer=watching)
    assert any("going on after epoch 3, optimizer step 21" in note for note in watching.notes)
    client = MlflowClient(result.tracking_uri)
    assert curves(client, result.run_id) == curves(client, whole.run_id)


KILLED = """
import os, signal
from recipeline import runner
from recipeline.recipe.load import load_recipe
from recipeline.training.observer import Observer

class Killing(Observer):
    def epoch_finished(self, epoch, metrics):
        if epoch == 5:
            os.kill(os.getpid(), signal.SIGKILL)

runner.run(load_recipe("iris.yaml", ["name=killed"]), observer=Killing())
"""


def test_a_process_that_was_killed_goes_on_in_another(place, stopped):
    _, whole, _ = place
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    _, result = resume("killed")
    client = MlflowClient(result.tracking_uri)
    assert client.get_run(result.run_id).info.status == "FINISHED"
    assert curves(client, result.run_id) == curves(client, whole.run_id)


def test_a_run_without_a_checkpoint_begins_anew_and_says_so(place, stopped):
    _, whole, _ = place
    shutil.rmtree(Path(".recipeline") / "runs" / stopped / "checkpoints")
    watching = Watching()
    _, result = resume(stopped, observer=watching)
    assert "no checkpoint had been made yet: training begins with the first epoch" in watching.notes
    client = MlflowClient(result.tracking_uri)
    assert curves(client, stopped) == curves(client, whole.run_id)


def test_a_finished_run_says_so(place, capsys):
    folder, whole, _ = place
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["resume", whole.run_id]) == 2
    said = capsys.readouterr().err
    assert f"the run {whole.run_id} (iris) has finished: there is nothing left to do in it." in said


def test_a_run_that_is_not_here_is_not_begun_anew(stopped):
    shutil.rmtree(Path(".recipeline") / "runs" / stopped)
    with pytest.raises(UsageError, match=rf"the run {stopped} \(stopped\) has no checkpoints in .*runs"):
        resume(stopped)
    with pytest.raises(UsageError, match="no run is meant by 'nobody'"):
        resume("nobody")


def test_a_run_that_is_under_way_is_refused(stopped):
    held = Alive(Path(".recipeline").absolute() / "runs" / stopped)
    try:
        with pytest.raises(UnsafeError, match=f"the run {stopped} is under way in another process"):
            resume(stopped)
    finally:
        held.release()


def test_of_two_that_race_for_it_the_loser_is_refused_as_unsafe(stopped, monkeypatch, capsys):
    folder = Path(".recipeline").absolute() / "runs" / stopped
    memo = (folder / "resume.json").read_bytes()
    taken = []

    def take(*_):  # the other one takes it after this one has looked
        taken.append(Alive(folder))
        return []

    monkeypatch.setattr(resuming, "_changes", take)
    try:
        assert main(["resume", stopped, "-q"]) == 3
    finally:
        taken[0].release()
    assert (
        f"the run {stopped} is under way in another process (found process {os.getpid()} on" in capsys.readouterr().err
    )
    assert (folder / "resume.json").read_bytes() == memo


def test_of_several_that_are_meant_each_is_shown(stopped):
    runs = Path(".recipeline") / "runs"
    shutil.copytree(runs / stopped, runs / ("0" * 32))  # before any other id
    with pytest.raises(UsageError, match=r"2 runs are meant by 'stopped'.*\n  00000000.*\n  "):
        resume("stopped")


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(place, stopped):
    _, whole, _ = place
    folder = Path(".recipeline").absolute() / "runs" / stopped / "checkpoints"
    (folder / "000002.ckpt" / "state.ckpt").write_bytes(b"")
    watching = Watching()
    _, result = resume(stopped, observer=watching)
    said = "\n".join(watching.notes)
    assert f"the one before it is taken: {folder}/000002.ckpt: state.ckpt has 0 bytes in place of " in said
    assert "going on after epoch 2, optimizer step 14" in said
    client = MlflowClient(result.tracking_uri)
    assert curves(client, stopped) == curves(client, whole.run_id)


def test_nobody_begins_anew_because_all_checkpoints_are_damaged(stopped):
    folder = Path(".recipeline") / "runs" / stopped / "checkpoints"
    for path in folder.glob("*/state.ckpt"):
        path.write_bytes(b"")
    with pytest.raises(EnvironmentFault, match=r"000002.*\n.*000001.*None before it is whole\. Start anew") as caught:
        resume(stopped)
    assert caught.value.exit_code == 4


def changed_recipe(memo):
    Path("iris.yaml").write_text(RECIPE.replace("0.02", "0.03"))


def changed_data(memo):
    Path("iris.csv").write_text(Path("iris.csv").read_text().replace("5.1", "5.2", 1))


def another(kind, name, value):
    def change(memo):
        memo["fingerprint"][kind][name] = value

    return change


DRIFTS = [
    (changed_recipe, "the recipe .*iris.yaml has been changed since the run was started"),
    (changed_data, "the data .*iris.csv have been changed"),
    (another("versions", "torch", "1.0"), "torch was 1.0 and is 2"),
    (another("plugins", "recipeline", "0.0.1"), "recipeline was 0.0.1 and is 0.1.0"),
    (
        another("code", "recipeline_plugins", "0"),
        "the source code of the package 'recipeline_plugins' has been changed",
    ),
    (another("machine", "the processor", "Z80"), "the processor was Z80 and is "),
    (another("machine", "training.devices", "2"), "training.devices was 2 and is 1"),
]


@pytest.mark.parametrize(("change", "said"), DRIFTS, ids=[said for _, said in DRIFTS])
def test_what_has_changed_is_named_before_anything_is_touched(change, said, stopped):
    path = Path(".recipeline") / "runs" / stopped / "resume.json"
    before = {name: Path(name).read_text() for name in ("iris.yaml", "iris.csv")}
    memo = json.loads(path.read_text())
    try:
        change(memo)
        path.write_text(json.dumps(memo))
        status = MlflowClient("sqlite:///mlflow.db").get_run(stopped).info
        with pytest.raises(UsageError, match=f"the run {stopped} would not end as it would have: {said}"):
            resume(stopped)
        assert MlflowClient("sqlite:///mlflow.db").get_run(stopped).info.end_time == status.end_time
        if change is changed_data:
            _, result = resume(stopped, allow_drift=True)
            tags = MlflowClient(result.tracking_uri).get_run(stopped).data.tags
            assert tags["recipeline.resume_exact"] == "false"
    finally:
        for name, text in before.items():
            Path(name).write_text(text)


def test_the_command_answers_a_machine(stopped, capsys):
    assert main(["resume", stopped, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["run_id"], answer["status"]) == (stopped, "FINISHED")
