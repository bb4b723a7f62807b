"""`recipeline compare`: tables for people, one document for machines."""

import json

import pytest

from recipeline.cli.main import main
from recipeline.tracking import store
from recipeline.tracking.run import TrackedRun


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs that differ in a setting, data and numbers; the store's URI and their ids."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('compared') / 'mlflow.db'}"
    store.create_store(uri)
    ids = []
    for lr, accuracy, f1, loss, size, digest in (
        (0.1, 0.9, 1.0, 0.25, 10, "a" * 64),
        (0.01, 0.95, 0.98, 0.3, 5000, "b" * 64),
    ):
        tags = {"recipeline.version": "0.1.0", "recipeline.data_sha256": digest}
        run = TrackedRun.open(name=f"lr-{lr}", experiment="e", uri=uri, tags=tags)
        run.log_params({"optimizer": "adam", "optimizer.lr": lr})
        run.log_numbers({"test/accuracy": accuracy, "test/loss": loss, "test/f1": f1, "model/parameters": size})
        run.close("FINISHED")
        ids.append(run.run_id)
    return uri, ids


@pytest.fixture(autouse=True)
def _store(runs, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", runs[0])


def test_people_see_what_differs_and_the_best(runs, capsys):
    assert main(["compare", *runs[1]]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    first, second = (run[:8] for run in runs[1])
    assert ["run", first, second] in lines
    assert ["optimizer.lr", "0.1", "0.01"] in lines
    assert ["fingerprint", "a" * 12, "b" * 12] in lines
    assert ["metric", "better", first, second] in lines
    assert ["test/accuracy", "higher", "0.9000", "*", "0.9500", "(+0.0500)"] in lines
    assert ["test/loss", "lower", "*", "0.2500", "0.3000", "(+0.0500)"] in lines
    assert ["model/parameters", "10", "5000", "(+4990)"] in lines
    assert ["test/f1", "higher", "*", "1.0000", "0.9800", "(-0.0200)"] in lines, "whole only where all of a row are"
    assert "code: the same" in [" ".join(line) for line in lines]
    assert not any(line[:1] == ["optimizer"] for line in lines)


def test_numbers_of_one_metric_stand_below_each_other_as_its_heading_does(runs, capsys):
    assert main(["compare", *runs[1]]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("metric"))
    accuracy, loss = (
        next(line for line in lines[start:] if line.startswith(f"test/{name}")) for name in ("accuracy", "loss")
    )
    assert accuracy.index("0.9000") == loss.index("0.2500")
    assert not [line for line in lines if line != line.rstrip()]


def test_machines_get_one_document(runs, capsys):
    assert main(["compare", "lr-0.1", "last", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    first, second = runs[1]
    assert document["params"] == {"optimizer.lr": {first: "0.1", second: "0.01"}}
    assert document["metrics"]["test/accuracy"] == {first: 0.9, second: 0.95}
    assert document["best"] == {"test/accuracy": second, "test/f1": first, "test/loss": first}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["last"], "there is nothing to compare with. Name two runs or more."),
        (["last", "lr-0.01"], "a run is named twice"),
        (["last", "nobody"], "no run is meant by 'nobody'"),
    ],
)
def test_mistakes_are_usage_errors(named, words, capsys):
    assert main(["compare", *named]) == 2
    assert words in capsys.readouterr().err
