"""`recipeline sync`: what is said of each run, and the exit code."""

import json

import pytest

from recipeline.cli import killed, main
from recipeline.errors import UsageError
from recipeline.tracking.rows import MetricRow, StatusRow
from recipeline.tracking.settle import Settled

ROWS = [MetricRow("a", 1.0, 1, 1), StatusRow("FINISHED", 1)]
SENT = Settled("1" * 32, "census", "http://h", "FINISHED", "sent", sent=ROWS, model_uri="models:/m-1")
AWAY = Settled("2" * 32, "iris", "http://h", "FINISHED", "away", left=ROWS, troubles=["no server answers"])
LIVING = Settled("3" * 32, "wine", "http://h", "RUNNING", "living")


@pytest.fixture
def found(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settled = []
    monkeypatch.setattr("recipeline.sync.sync", lambda _runs, _reference: settled)
    return settled


def test_nothing_left_is_said(found, capsys):
    assert main.main(["sync"]) == 0
    assert capsys.readouterr().out == "Nothing is left to send.\n"


def test_each_run_has_a_line_and_what_stays_is_exit_code_4(found, capsys):
    found += [SENT, LIVING]
    assert main.main(["sync"]) == 0
    assert capsys.readouterr().out == (
        "11111111  census  FINISHED  sent 1 metric and the status FINISHED; model models:/m-1\n"
        "33333333  wine  RUNNING  is under way, and sends by itself\n"
    )
    found.append(AWAY)
    assert main.main(["sync"]) == 4
    out, err = capsys.readouterr()
    assert "22222222  iris  FINISHED  left 1 metric and the status FINISHED" in out
    assert err == (
        "the run 22222222 (iris) is not all in http://h: no server answers. It stays here. "
        "When the server answers: recipeline sync\n"
    )


def test_for_a_machine_it_is_one_document(found, capsys):
    found += [SENT, AWAY]
    assert main.main(["sync", "--json"]) == 4
    first, second = json.loads(capsys.readouterr().out)
    assert (first["run_id"], first["outcome"], first["sent"], first["left"]) == ("1" * 32, "sent", 2, 0)
    assert (second["troubles"], second["left"]) == (["no server answers"], 2)


def test_other_commands_say_which_runs_they_found_killed(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECIPELINE_HOME", raising=False)
    killed.mark()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".recipeline" / "runs" / "x").mkdir(parents=True)
    (tmp_path / ".recipeline" / "runs" / "x" / "alive").touch()
    dead = Settled("4" * 32, "iris", "http://h", "KILLED", "sent", killed=True)
    several = Settled("5" * 32, "moons", "http://h", "FAILED", "sent", killed=True)
    monkeypatch.setattr("recipeline.sync.mark_killed", lambda _runs: [dead, several, AWAY])
    killed.mark()
    assert capsys.readouterr().err == (
        "note: the run 44444444 (iris) was killed, and is marked KILLED\n"
        "note: the run 55555555 (moons) was killed, and is marked FAILED\n"
        "note: the run 22222222 (iris) was killed; MLflow could not be told: no server answers\n"
    )

    def broken(_runs):
        raise UsageError("the journal is broken")

    monkeypatch.setattr("recipeline.sync.mark_killed", broken)
    killed.mark()
    assert "a run that was killed could not be marked: the journal is broken" in capsys.readouterr().err


def test_commands_that_show_runs_look_for_killed_ones_first(monkeypatch):
    looked = []
    monkeypatch.setattr("recipeline.cli.killed.mark", lambda: looked.append(True))
    main.main(["compare", "only-one"])
    main.main(["compare", "--help"])
    main.main(["plugins"])
    assert looked == [True]
