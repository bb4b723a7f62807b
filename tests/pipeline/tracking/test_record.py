"""What a run holds from its opening to its end, whatever ends it."""

import pytest

from recipeline.catalog import installed
from recipeline.errors import DataError, Interrupted
from recipeline.recipe.load import parse
from recipeline.tracking import record, store
from recipeline.tracking.find import fetch_artifact, find_run
from recipeline.training.batch_size import with_batch_size

TEXT = """
# As it was written.
name: census
description: A first try.
data: {source: {type: csv, path: "${env:WHERE}/a.csv"}, target: income}
architecture: mlp
tracking: {experiment: income, tags: {team: "${env:TEAM}", recipeline.version: mine}}
"""


@pytest.fixture
def recipe():
    return parse(TEXT, "census.yaml", variables={"WHERE": "/hidden", "TEAM": "secret-team"}).recipe


def test_an_open_run_says_what_it_is_before_anything_is_read(recipe, uri, tmp_path):
    run = record.open_run(recipe, installed(), "recipeline run census.yaml")
    assert run.flush()
    found = find_run("last", uri)
    assert (found.run_id, found.name, found.experiment, found.status) == (run.run_id, "census", "income", "RUNNING")
    assert found.tags["mlflow.note.content"] == "A first try."
    assert found.tags["team"] == "${env:TEAM}"
    assert found.tags["recipeline.version"] != "mine"
    assert found.tags["recipeline.command"] == "recipeline run census.yaml"
    (tmp_path / "got").mkdir()
    written = fetch_artifact(found, "recipe/written.yaml", tmp_path / "got")
    assert written is not None
    assert written.read_text() == TEXT
    assert fetch_artifact(found, "environment/requirements.txt", tmp_path / "got") is not None
    run.close("KILLED")


def test_a_batch_size_that_is_left_open_is_logged_when_it_has_been_found(recipe, uri, tmp_path):
    (tmp_path / "got").mkdir()

    def resolved() -> str:
        return fetch_artifact(find_run("last", uri), "recipe/resolved.yaml", tmp_path / "got").read_text()

    run = record.open_run(recipe, installed(), "recipeline run census.yaml")
    auto = with_batch_size(recipe, "auto")
    record.log_recipe(run, auto, installed(), "binary")
    run.flush()
    params = find_run("last", uri).params
    assert "training.batch_size" not in params
    assert "training.epochs" in params
    assert "batch_size: auto" in resolved()
    record.log_batch_size(run, with_batch_size(auto, 64))
    run.flush()
    assert find_run("last", uri).params["training.batch_size"] == "64"
    assert "batch_size: 64" in resolved()
    run.close("KILLED")


@pytest.mark.parametrize(("error", "status"), [(Interrupted(2), "KILLED"), (OSError("disk"), "FAILED")])
def test_a_run_that_can_not_be_described_does_not_stay_open(recipe, uri, monkeypatch, error, status):
    def broken(*_args):
        raise error

    monkeypatch.setattr(record.facts, "git_patch", broken)
    with pytest.raises(type(error)):
        record.open_run(recipe, installed(), "recipeline run census.yaml")
    found = find_run("last", uri)
    assert found.status == status
    assert found.tags["recipeline.outcome"] == status.lower()


def test_a_failed_run_keeps_its_error_and_what_it_has_but_no_secret(recipe, uri, tmp_path):
    run = record.open_run(recipe, installed(), "recipeline run census.yaml")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "state.ckpt").write_bytes(b"x")
    kept = {"last.ckpt": tmp_path / "work" / "state.ckpt"}
    error = DataError("there is no file /hidden/a.csv")
    record.close_run(run, recipe, {"time/read_seconds": 0.5}, "FAILED", error, None, kept)
    found = find_run("last", uri)
    assert found.status == "FAILED"
    assert found.tags["recipeline.error"] == "DataError: there is no file ${env:WHERE}/a.csv."
    assert "**Failed.**" in found.tags["mlflow.note.content"]
    assert found.metrics == {"time/read_seconds": 0.5}
    paths = [item.path for item in store.connect(uri).list_artifacts(run.run_id, "checkpoints")]
    assert paths == ["checkpoints/last.ckpt"]
    for content in (*found.tags.values(), *found.params.values()):
        assert "hidden" not in content
        assert "secret-team" not in content


def test_the_machine_is_watched_when_the_recipe_asks(uri):
    recipe = parse(TEXT.replace("tags:", "system_metrics: true, tags:"), "c.yaml", variables={"WHERE": "", "TEAM": ""})
    run = record.open_run(recipe.recipe, installed(), "")
    run.close("FINISHED")
    assert "system/cpu_utilization_percentage" in find_run("last", uri).metrics
