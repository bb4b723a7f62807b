"""A run whose process is gone gets its status and the rest of its metrics; one that lives is left alone."""

import json
import os
from dataclasses import replace

import pytest

from recipeline.errors import UsageError
from recipeline.tracking import alive, settle, store
from recipeline.tracking import run as tracked
from recipeline.tracking.journal import Journal, read_journal
from recipeline.tracking.rows import TagRow


def no_model(*_):
    raise AssertionError("there is no model")


@pytest.fixture
def killed(open_run, tmp_path, monkeypatch):
    """A run whose process was killed while nothing could be sent; its folder."""
    run = open_run(runs=tmp_path / "runs")
    monkeypatch.setattr(run._client, "log_batch", lambda *_, **__: 1 / 0)
    run.log_params({"seed": 1})
    run.log_epoch({"loss": 1.0}, 1)
    run.log_epoch({"loss": 0.5}, 2)
    # What the kernel does with what a process held. Its pid is another process's by now.
    os.close(run._alive._handle)
    run._alive._handle = -1
    path = run.folder / alive.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": "1"}))
    yield run
    run._outbox._closing = True


def read(run):
    return store.connect(run.tracking_uri).get_run(run.run_id)


def test_a_killed_run_is_marked_and_loses_nothing(killed):
    settled = settle.settle(killed.folder, no_model)
    assert (settled.outcome, settled.status, settled.killed, settled.left) == ("sent", "KILLED", True, [])
    found = read(killed)
    assert found.info.status == "KILLED"
    assert found.data.tags["recipeline.outcome"] == "killed"
    assert "SIGKILL" in found.data.tags["recipeline.error"]
    assert found.data.params == {"seed": "1"}
    points = store.connect(killed.tracking_uri).get_metric_history(killed.run_id, "loss")
    assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 0.5)]
    assert alive.state(killed.folder) == "ended"
    again = settle.settle(killed.folder, no_model)
    assert (again.outcome, again.killed) == ("nothing", False)
    assert read_journal(killed.folder).status == "KILLED"  # kept for whoever goes on with it


def of_several(folder, **said):
    """As if this run's process had been the first of two."""
    path = folder / alive.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processes": 2, "pid": 4711, "started": "1"} | said))


def test_a_run_of_several_processes_whose_first_was_killed_has_failed_and_names_it(killed):
    of_several(killed.folder)
    settled = settle.settle(killed.folder, no_model)
    assert (settled.outcome, settled.status, settled.killed, settled.left) == ("sent", "FAILED", True, [])
    found = read(killed)
    assert found.info.status == "FAILED"
    assert found.data.tags["recipeline.outcome"] == "failed"
    assert found.data.tags["recipeline.error"] == (
        "EnvironmentFault: process 1 of 2 (rank 0) was ended from outside, by SIGKILL, a lack of memory or the like, "
        "and the others can't go on without it (found pid 4711). Go on from the last checkpoint with: "
        f"recipeline resume {killed.run_id[:8]}"
    )


def test_a_power_cut_is_nobodys_failure(killed):
    of_several(killed.folder, boot="another")
    assert settle.settle(killed.folder, no_model).status == "KILLED"


def test_how_many_processes_train_stands_where_it_outlives_them(open_run, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    before = json.loads((run.folder / alive.FILE).read_text())
    run.shared_by(1)
    assert alive.first_of_several(run.folder) is None
    run.shared_by(12)
    assert alive.first_of_several(run.folder) == (12, os.getpid())
    assert json.loads((run.folder / alive.FILE).read_text()) == before | {"processes": 12}
    run.close("FINISHED")
    run.shared_by(2)
    assert alive.first_of_several(run.folder) is None


def test_sending_it_all_again_duplicates_nothing(killed):
    settle.settle(killed.folder, no_model)
    before = read(killed)
    journal, content = Journal.go_on(killed.folder)
    content.sent.clear()  # as if the notes of what was sent had been lost
    uri = killed.tracking_uri
    settle._send(killed.folder, journal, content, no_model)
    journal.close()
    assert read(killed).data.to_dictionary() == before.data.to_dictionary()
    assert len(store.connect(uri).get_metric_history(killed.run_id, "loss")) == 2


def test_a_living_run_is_left_alone(open_run, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    assert settle.settle(run.folder, no_model, asked=True).outcome == "living"
    assert read(run).info.status == "RUNNING"
    run.close("FINISHED")
    assert settle.settle(run.folder, no_model).outcome == "nothing"


def test_a_run_of_another_machine_is_settled_only_when_it_is_named(killed):
    path = killed.folder / alive.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere"}))
    assert settle.settle(killed.folder, no_model).outcome == "elsewhere"
    assert read(killed).info.status == "RUNNING"
    assert settle.settle(killed.folder, no_model, asked=True).outcome == "sent"
    assert read(killed).info.status == "KILLED"


def test_while_another_process_sends_nobody_else_does(killed):
    with alive.alone(killed.folder):
        assert settle.settle(killed.folder, no_model).outcome == "busy"
    assert settle.settle(killed.folder, no_model).outcome == "sent"


def test_without_a_server_it_stays_and_is_sent_the_next_time(killed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "away", lambda _uri: "no MLflow server answers")
        settled = settle.settle(killed.folder, no_model)
    assert (settled.outcome, settled.troubles, len(settled.left)) == ("away", ["no MLflow server answers"], 6)
    assert alive.state(killed.folder) == "dead"
    assert settle.settle(killed.folder, no_model).outcome == "sent"
    assert [row.key for row in read_journal(killed.folder).rows.values()].count("KILLED") == 1


def test_a_model_is_logged_before_the_run_is_finished(open_run, tmp_path, monkeypatch):
    monkeypatch.setattr(tracked, "PATIENCE_S", 0.3)
    run = open_run(runs=tmp_path / "runs")
    run.set_tags({settle.NOTE: "mlflow models serve -m /tmp/kept"})
    run.keep_model(run.folder / "model", run.folder / "x.parquet", nullable=[], register_as=None, served="/tmp/kept")
    run.close("FINISHED")
    assert run.unsent.startswith("the model and the status FINISHED could not be sent")
    assert read(run).info.status == "RUNNING"
    asked = []

    def log_model(receiver, folder, row):
        asked.append((receiver.run_id, receiver.experiment_id, folder / row.key))
        assert read(run).info.status == "RUNNING"
        return "models:/m-1"

    settled = settle.settle(run.folder, log_model)
    assert asked == [(run.run_id, run.experiment_id, run.folder / "model")]
    assert (settled.outcome, settled.model_uri) == ("sent", "models:/m-1")
    found = read(run)
    assert found.info.status == "FINISHED"
    assert found.data.tags[settle.NOTE] == "mlflow models serve -m models:/m-1"
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("written", "given", "run_id", "meant"),
    [
        ("sqlite:////a/b.db", None, "1", "sqlite:////a/b.db"),
        ("sqlite:////a/b.db", "http://else", "1", "sqlite:////a/b.db"),
        ("sqlite:////a/b.db", "http://else", None, "http://else"),
        ("http://ann:***@host", "http://ann:secret@host", "1", "http://ann:secret@host"),
        ("http://${env:PLACE}", None, "1", "http://there"),
        ("http://ann:***@host", None, "1", None),
        ("http://${env:ELSEWHERE}", None, "1", None),
    ],
)
def test_the_store_is_the_runs_own_and_its_password_comes_from_outside(written, given, run_id, meant, monkeypatch):
    from recipeline.tracking.journal import Content, Opening

    monkeypatch.setenv("PLACE", "there")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    content = Content(Opening("1", "a", "b", written, {}, 1), run_id)
    if meant is None:
        with pytest.raises(UsageError, match=r"is not all in its journal .*Set (ELSEWHERE|MLFLOW_TRACKING_URI)"):
            settle._store(content)
    else:
        assert settle._store(content) == meant


def test_no_password_is_in_the_journal(uri, tmp_path, monkeypatch):
    opened = tracked.TrackedRun.open(
        name="a", experiment="b", uri=uri, runs=tmp_path / "runs", hide=lambda text: text.replace("mlflow.db", "***")
    )
    opened.close("FAILED")
    assert b"mlflow.db" not in (opened.folder / "journal.jsonl").read_bytes()


def test_what_can_not_be_read_is_said(killed):
    journal, _ = Journal.go_on(killed.folder)
    journal.append([TagRow("late", "1")])
    journal.close()
    lines = (killed.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1][:20] + b"\n"
    (killed.folder / "journal.jsonl").write_bytes(b"".join(lines))
    settled = settle.settle(killed.folder, no_model)
    assert settled.outcome == "sent"
    assert settled.troubles == [f"1 lines of the journal {killed.folder}/journal.jsonl can't be read"]
    assert replace(settled, troubles=[]).status == "KILLED"
