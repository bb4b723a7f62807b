"""Runs are found by id, beginning, name, or as the last one."""

import pytest

from recipeline.errors import UsageError
from recipeline.tracking import store
from recipeline.tracking.find import fetch_artifact, find_run


@pytest.fixture
def runs(uri):
    """Runs with chosen times; ids are MLflow's own."""
    client = store.connect(uri)
    experiments = [client.create_experiment(name) for name in ("one", "two")]
    tags = {"recipeline.version": "0.1.0"}
    return [
        client.create_run(experiments[0], start_time=1000, run_name="census", tags=tags).info.run_id,
        client.create_run(experiments[1], start_time=3000, run_name="it's", tags=tags).info.run_id,
        client.create_run(experiments[0], start_time=2000, run_name="census", tags=tags).info.run_id,
        client.create_run(experiments[0], start_time=9000, run_name="of another tool").info.run_id,
        client.create_run(experiments[0], start_time=500, run_name="""both ' and \"""", tags=tags).info.run_id,
    ]


def test_an_id_its_beginning_a_name_and_last(runs, uri):
    first = find_run(runs[0], uri)
    assert (first.run_id, first.name, first.experiment, first.status) == (runs[0], "census", "one", "RUNNING")
    assert first.started.timestamp() == 1.0
    assert first.model_uri is None
    assert find_run(runs[2][:12], uri).run_id == runs[2]
    assert find_run("of another tool", uri).run_id == runs[3]
    assert find_run("it's", uri).run_id == runs[1]
    assert find_run("""both ' and \"""", uri).run_id == runs[4]
    assert find_run("last", uri).run_id == runs[1], "the latest of ours, in whatever experiment"


def test_a_name_of_several_runs_lists_them_the_latest_first(runs, uri):
    with pytest.raises(UsageError) as raised:
        find_run("census", uri)
    text = str(raised.value)
    assert "2 runs are meant by 'census'" in text
    assert text.index(runs[2]) < text.index(runs[0])


def test_an_unknown_run_lists_the_latest(runs, uri):
    with pytest.raises(UsageError, match=r"no run is meant by 'nobody'") as raised:
        find_run("nobody", uri)
    assert all(run in str(raised.value) for run in runs)
    with pytest.raises(UsageError, match="no run is meant by 'abc'"):
        find_run("abc", uri)
    with pytest.raises(UsageError, match="the run's name is empty"):
        find_run(" ", uri)


def test_a_deleted_run_is_not_found(runs, uri):
    store.connect(uri).delete_run(runs[3])
    with pytest.raises(UsageError, match="no run is meant"):
        find_run(runs[3], uri)


def test_no_store_is_made_by_looking(tmp_path):
    with pytest.raises(UsageError, match=r"there are no runs yet: .*mlflow.db does not exist.* recipeline run RECIPE"):
        find_run("last", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_store_says_so(uri):
    with pytest.raises(UsageError, match="There are no runs in it yet"):
        find_run("last", uri)


def test_a_runs_content_comes_along(open_run, uri, tmp_path):
    run = open_run(tags={"recipeline.version": "0.1.0"})
    run.log_params({"seed": 1})
    run.log_numbers({"test/loss": 0.5})
    run.log_text("recipe/written.yaml", "name: a\n")
    run.log_input(name="d", source="d", digest="abc", schema=[], rows={"train": 1})
    run.close("FINISHED")
    found = find_run("last", uri)
    assert (found.params, found.metrics, found.data_digest) == ({"seed": "1"}, {"test/loss": 0.5}, "abc")
    (tmp_path / "got").mkdir()
    file = fetch_artifact(found, "recipe/written.yaml", tmp_path / "got")
    assert file is not None
    assert file.read_text() == "name: a\n"
    assert fetch_artifact(found, "recipe/nothing.yaml", tmp_path / "got") is None
