"""What a run holds in the store, and that nothing which goes wrong stops the one who logs."""

import json
import math
import shutil
import socket
import time
from pathlib import Path

import pytest

from recipeline.errors import EnvironmentFault, UnsafeError, UsageError
from recipeline.tracking import later, opening, store
from recipeline.tracking import run as tracked
from recipeline.tracking.journal import FILE, now, read_journal


def read(run):
    return store.connect(run.tracking_uri).get_run(run.run_id)


def artifact(run, path, folder):
    return Path(store.connect(run.tracking_uri).download_artifacts(run.run_id, path, str(folder)))


def test_a_run_holds_what_was_logged(open_run, tmp_path):
    run = open_run(tags={"team": "a"}, description="**hello**")
    assert read(run).info.status == "RUNNING"
    run.log_params({"optimizer": "adam", "optimizer.lr": 0.001, "training.deterministic": True})
    for epoch in (1, 2, 3):
        run.log_epoch({"train/loss": 1.0 / epoch, "val/loss": 2.0 / epoch}, epoch)
    run.log_numbers({"test/accuracy": 0.95})
    run.set_tags({"recipeline.version": "0.1.0"})
    run.close("FINISHED")

    found = read(run)
    assert found.info.status == "FINISHED"
    assert found.info.end_time is not None
    assert found.info.run_name == run.name == "census"
    assert found.data.params == {"optimizer": "adam", "optimizer.lr": "0.001", "training.deterministic": "true"}
    assert found.data.metrics == {"train/loss": 1.0 / 3, "val/loss": 2.0 / 3, "test/accuracy": 0.95}
    assert (
        found.data.tags.items()
        >= {
            "team": "a",
            "mlflow.note.content": "**hello**",
            "recipeline.version": "0.1.0",
            "recipeline.outcome": "finished",
            "mlflow.source.name": "recipeline",
        }.items()
    )
    history = store.connect(run.tracking_uri).get_metric_history(run.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    assert run.history()["val/loss"] == [(1, 2.0), (2, 1.0), (3, 2.0 / 3)]
    assert run.numbers() == {"test/accuracy": 0.95}
    assert run.troubles == []
    assert store.connect(run.tracking_uri).get_experiment(run.experiment_id).name == run.experiment == "income"


def test_logging_an_epoch_takes_microseconds_and_keeps_its_own_time(open_run):
    run = open_run()
    before = time.time_ns() // 1_000_000
    began = time.perf_counter()
    for epoch in range(1, 201):
        run.log_epoch({f"m{number}": 0.5 for number in range(8)}, epoch)
    assert (time.perf_counter() - began) / 200 < 0.002
    after = time.time_ns() // 1_000_000
    run.close("FINISHED")
    assert run.sent == 1600 + 2  # and the outcome's tag, and the status
    points = store.connect(run.tracking_uri).get_metric_history(run.run_id, "m0")
    assert len(points) == 200
    assert all(before <= point.timestamp <= after for point in points)


def test_what_is_logged_to_be_written_soon_is_there_before_all_that_comes_after(open_run, monkeypatch):
    monkeypatch.setattr(later, "DELAY_S", 30)
    run = open_run()
    journal = run.folder / FILE
    before = journal.stat().st_size
    moment = now()
    run.log_soon({"a": 1.0, "b": math.nan}, 1)
    run.log_soon({"a": 2.0}, 1)
    time.sleep(0.01)
    assert journal.stat().st_size == before
    assert run.history() == {"a": [(1, 2.0)]}  # asking for it writes it
    run.log_soon({"a": 3.0}, 2)
    run.set_tags({"t": "x"})
    run.log_soon({"a": 4.0}, 3)
    run.log_epoch({"a": 5.0}, 4)
    run.log_soon({"a": 6.0}, 5)
    rows = [row for row in read_journal(run.folder).rows.values() if row.key in ("a", "t")]
    assert [getattr(row, "step", row.value) for row in rows] == [1, 1, 2, "x", 3, 4]
    assert all(moment <= row.timestamp <= now() for row in rows if row.key == "a")
    run.catch_up()
    assert list(read_journal(run.folder).rows.values())[-1][:2] == ("a", 6.0)
    run.log_soon({"a": 7.0}, 6)
    run.close("FINISHED")
    points = store.connect(run.tracking_uri).get_metric_history(run.run_id, "a")
    assert [(point.step, point.value) for point in points] == [
        *[(1, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0), (5, 6.0), (6, 7.0)]
    ]
    assert [sentence for sentence in run.troubles if "b was nan" in sentence]


def test_what_is_logged_to_be_written_soon_is_written_soon(open_run):
    run = open_run()
    run.log_soon({"a": 1.0}, 1)
    limit = time.monotonic() + 5
    while not any(row.key == "a" for row in read_journal(run.folder).rows.values()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    run.close("FINISHED")


def test_what_is_not_finite_is_left_out_and_said_once(open_run):
    run = open_run()
    run.log_epoch({"val/auroc": math.nan, "val/loss": 1.0}, 1)
    run.log_epoch({"val/auroc": math.inf, "val/loss": 0.5}, 2)
    run.log_numbers({"test/loss": -math.inf})
    run.close("FINISHED")
    found = read(run)
    assert found.data.metrics == {"val/loss": 0.5}
    assert found.data.tags["recipeline.not_finite"] == "val/auroc was nan at epoch 1; test/loss was -inf"
    assert len(run.troubles) == 2
    assert run.history() == {"val/loss": [(1, 1.0), (2, 0.5)]}


def test_artifacts_lie_where_they_were_put(open_run, tmp_path):
    run = open_run()
    (tmp_path / "tmp1.bin").write_bytes(b"\x00\x01")
    run.log_text("recipe/written.yaml", "name: größe\r\n")
    run.log_json("data/profile.json", {"rows": {"train": 3}})
    run.log_file("data/split.parquet", tmp_path / "tmp1.bin")
    run.log_file("tmp1.bin", tmp_path / "tmp1.bin")
    run.close("FINISHED")
    assert artifact(run, "recipe/written.yaml", tmp_path / "a").read_bytes() == "name: größe\r\n".encode()
    assert json.loads(artifact(run, "data/profile.json", tmp_path / "a").read_text()) == {"rows": {"train": 3}}
    assert artifact(run, "data/split.parquet", tmp_path / "a").read_bytes() == b"\x00\x01"
    assert artifact(run, "tmp1.bin", tmp_path / "a").read_bytes() == b"\x00\x01"


def test_the_data_is_an_input_with_digest_schema_and_rows(open_run):
    run = open_run()
    run.log_input(
        name="census.csv",
        source="data/census.csv",
        digest="f" * 64,
        schema=[("age", "Int64"), ("town", "String")],
        rows={"train": 70, "test": 30},
        context="training",
    )
    run.close("FINISHED")
    (found,) = read(run).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("census.csv", "f" * 36)
    assert json.loads(found.dataset.source) == {"uri": "data/census.csv"}
    assert json.loads(found.dataset.schema)["mlflow_colspec"] == [
        {"type": "long", "name": "age", "required": True},
        {"type": "string", "name": "town", "required": True},
    ]
    assert json.loads(found.dataset.profile) == {"num_rows": 100, "train_rows": 70, "test_rows": 30}
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert run.troubles == []


def test_a_table_of_very_many_columns_is_logged_with_as_many_as_fit(open_run):
    run = open_run()
    schema = [(f"a rather long name of column number {number}", "Float64") for number in range(15_000)]
    run.log_input(name="wide", source="wide.csv", digest="0", schema=schema, rows={"train": 1}, context="training")
    run.close("FINISHED")
    assert run.troubles == []
    (found,) = read(run).inputs.dataset_inputs
    assert 5_000 < len(json.loads(found.dataset.schema)["mlflow_colspec"]) < 15_000


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_the_status_and_the_error_are_in_the_run(status, open_run):
    run = open_run()
    run.close(status, "DataError: row 7 is wrong")
    run.close("FINISHED")
    found = read(run)
    assert found.info.status == status
    assert found.data.tags["recipeline.outcome"] == status.lower()
    assert found.data.tags["recipeline.error"] == "DataError: row 7 is wrong"


def test_a_param_keeps_its_first_value(open_run):
    run = open_run()
    run.log_params({"seed": 1})
    run.log_params({"seed": 1, "task": "regression"})
    run.log_params({"seed": 2})
    run.close("FINISHED")
    assert read(run).data.params == {"seed": "1", "task": "regression"}
    assert run.troubles == ["the param 'seed' was '1' already and could not become '2'"]


def test_long_values_are_shortened(open_run):
    run = open_run(tags={"long": "t" * 9000})
    run.log_params({"columns": "c" * 9000})
    run.close("FINISHED", "e" * 9000)
    found = read(run)
    assert len(found.data.params["columns"]) == 6000
    assert "(9000 characters" in found.data.params["columns"]
    assert len(found.data.tags["long"]) == len(found.data.tags["recipeline.error"]) == 8000
    assert run.troubles == []


def test_the_run_that_mlflow_run_has_started_is_joined(open_run, uri, monkeypatch):
    client = store.connect(uri)
    started = client.create_run("0", run_name="bold-cat", tags={"mlflow.source.name": "git@host", "x": "1"})
    client.log_param(started.info.run_id, "seed", "3")
    monkeypatch.setenv("MLFLOW_RUN_ID", started.info.run_id)
    run = open_run(tags={"recipeline.version": "0.1.0"})
    assert (run.run_id, run.name, run.experiment) == (started.info.run_id, "bold-cat", "Default")
    run.log_params({"seed": "3", "optimizer": "adam"})
    run.close("FINISHED")
    found = read(run)
    assert found.data.params == {"seed": "3", "optimizer": "adam"}
    assert found.data.tags["mlflow.source.name"] == "git@host"
    assert found.data.tags["recipeline.version"] == "0.1.0"
    assert run.troubles == []
    assert len(client.search_runs(["0"])) == 1


def test_a_run_that_has_ended_or_is_elsewhere_is_not_joined_by_accident(open_run, monkeypatch):
    ended = open_run()
    ended.close("FINISHED")
    monkeypatch.setenv("MLFLOW_RUN_ID", ended.run_id)
    with pytest.raises(UsageError, match=r"MLFLOW_RUN_ID names the run .* which has ended \(found FINISHED\). Unset"):
        open_run()
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    with pytest.raises(UsageError, match=r"MLFLOW_RUN_ID names the run f+, which is not in sqlite"):
        open_run()


def test_going_on_in_a_run_is_possible_on_purpose(open_run):
    ended = open_run()
    ended.close("KILLED")
    run = open_run(run_id=ended.run_id)
    assert read(run).info.status == "RUNNING"
    run.close("FINISHED")
    assert read(run).info.status == "FINISHED"
    assert read(run).data.tags["recipeline.outcome"] == "finished"


def test_the_experiment_of_the_environment_comes_first(open_run, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    assert open_run(experiment="mine").experiment == "theirs"


def test_a_deleted_experiment_is_named_with_the_way_back(open_run, uri):
    number = open_run(experiment="gone").experiment_id
    store.connect(uri).delete_experiment(number)
    with pytest.raises(
        UsageError, match=rf"'gone' has been deleted.* mlflow experiments restore --experiment-id {number}"
    ):
        open_run(experiment="gone")


def test_files_lie_beside_a_database_that_is_elsewhere(uri, tmp_path, monkeypatch):
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    run = tracked.TrackedRun.open(name="a", experiment="b", uri=uri)
    run.log_text("note.txt", "here")
    run.close("FINISHED")
    assert [path.read_text() for path in (tmp_path / "mlruns").rglob("note.txt")] == ["here"]
    assert list((tmp_path / "else").iterdir()) == []


def test_an_outage_costs_nothing_and_is_said_at_the_end(open_run, monkeypatch, tmp_path):
    monkeypatch.setattr(tracked, "PATIENCE_S", 0.3)
    run = open_run(runs=tmp_path / "runs")

    def down(*_args, **_more):
        raise ConnectionError("no route to host")

    for name in ("log_batch", "log_artifact", "set_terminated", "log_inputs"):
        monkeypatch.setattr(run._client, name, down)
    run.log_params({"a": 1})
    run.log_epoch({"loss": 1.0}, 1)
    run.log_text("note.txt", "text")
    run.log_input(name="d", source="d", digest="0", schema=[], rows={"train": 1})
    run.close("FINISHED")
    assert run.unsent == (
        "1 metric, 1 param, 1 tag, 1 file, the data set 'd' and the status FINISHED could not be sent: "
        "ConnectionError: no route to host"
    )
    assert not run.complete
    content = read_journal(run.folder)
    assert [row.key for _, row in content.pending] == [
        "a", "loss", "note.txt", "d", "recipeline.outcome", "FINISHED",
    ]  # fmt: skip
    assert (run.folder / content.rows[2].file).read_text() == "text"


def test_nothing_waits_for_a_server_that_is_gone(open_run, monkeypatch, tmp_path):
    monkeypatch.setattr(tracked, "PATIENCE_S", 0.3)
    run = open_run(runs=tmp_path / "runs")
    assert run.away() is None
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        run.tracking_uri = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        began = time.monotonic()
        for number in range(20):
            run.log_text(f"{number}.txt", "text")
        run.log_params({"a": 1})
        assert run.away() is not None
        run.close("FINISHED")
        assert time.monotonic() - began < 5, "MLflow alone would take 15 s for each"
    assert run.unsent == (
        "1 param, 1 tag, 20 files and the status FINISHED could not be sent: "
        f"no MLflow server answers at {run.tracking_uri}: connection refused"
    )


def test_a_run_whose_server_is_not_there_is_opened_when_it_is(uri, monkeypatch, tmp_path):
    """Nothing of what was told before is lost, and a run is made once though its making was answered never."""
    real = opening.store.create_store
    monkeypatch.setattr(opening.store, "create_store", lambda _uri: store.check_server("http://127.0.0.1:9"))
    run = tracked.TrackedRun.open(name="census", experiment="income", uri=uri, runs=tmp_path / "runs")
    assert not run.started
    assert run.unsent == "no MLflow server answers at http://127.0.0.1:9: connection refused"
    assert run.folder == tmp_path / "runs" / run.run_id
    run.log_epoch({"loss": 1.0}, 1)
    client = store.connect(uri)
    number = client.create_experiment("income")
    made = client.create_run(number, tags={opening.LOCAL_ID: run.run_id})
    monkeypatch.setattr(opening.store, "create_store", real)
    run.close("FINISHED")
    assert run.complete
    assert run.run_id == made.info.run_id
    assert len(client.search_runs([number])) == 1
    assert read(run).data.metrics == {"loss": 1.0}
    assert read(run).info.status == "FINISHED"


def test_a_run_that_goes_on_has_each_point_once(open_run, tmp_path, monkeypatch):
    run = open_run(runs=tmp_path / "runs")
    run.log_epoch({"loss": 1.0, "train/examples_per_second": 5.0}, 1)
    run.flush()
    monkeypatch.setattr(run._client, "log_batch", lambda *_, **__: 1 / 0)
    run.log_epoch({"loss": 0.5}, 2)
    with monkeypatch.context() as hurried:
        hurried.setattr(tracked, "LITTLE_PATIENCE_S", 0.3)
        run.close("KILLED")
    assert not run.complete

    again = open_run(runs=tmp_path / "runs", run_id=run.run_id)
    assert again.folder == run.folder
    again.log_epoch({"loss": 1.0, "train/examples_per_second": 6.0}, 1)
    again.log_epoch({"loss": 0.5}, 2)
    again.log_epoch({"loss": 0.25}, 3)
    assert again.history()["loss"] == [(1, 1.0), (2, 0.5), (3, 0.25)]
    again.close("FINISHED")
    assert again.complete
    client = store.connect(run.tracking_uri)
    points = client.get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in points] == [(1, 1.0), (2, 0.5), (3, 0.25)]
    assert len(client.get_metric_history(run.run_id, "train/examples_per_second")) == 1
    assert read(again).info.status == "FINISHED"
    assert read_journal(run.folder).pending == []


def test_two_processes_do_not_work_on_one_run(open_run, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    with pytest.raises(UnsafeError, match=rf"the run {run.run_id} is under way in another process .*Wait"):
        open_run(runs=tmp_path / "runs", run_id=run.run_id)
    run.log_epoch({"loss": 1.0}, 1)
    run.close("FINISHED")
    assert read(run).data.metrics == {"loss": 1.0}


def test_a_run_that_another_process_has_brought_to_its_end_stays_as_it_is(open_run, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    run.close("FINISHED")
    for gone in (False, True):
        if gone:
            shutil.rmtree(run.folder)
        with pytest.raises(UsageError, match=f"the run {run.run_id} has finished meanwhile, in another process"):
            open_run(runs=tmp_path / "runs", run_id=run.run_id)
        assert run.folder.exists() is not gone
        assert read(run).info.status == "FINISHED"


def test_a_full_disk_under_the_journal_stops_nothing(open_run, tmp_path, monkeypatch):
    run = open_run(runs=tmp_path / "runs")

    def full(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("recipeline.tracking.journal.os.write", full)
        run.log_epoch({"loss": 1.0}, 1)
    run.close("FINISHED")
    assert run.troubles == ["the run's journal can't be written: No space left on device"]
    assert read(run).data.metrics == {"loss": 1.0}


def test_an_outage_that_ends_leaves_no_trace(open_run, monkeypatch):
    run = open_run()
    log_batch, log_artifact = run._client.log_batch, run._client.log_artifact
    tries = {"batch": 0, "file": 0}

    def batch(*args, **more):
        tries["batch"] += 1
        if tries["batch"] < 3:
            raise ConnectionError
        return log_batch(*args, **more)

    def file(*args, **more):
        tries["file"] += 1
        if tries["file"] < 2:
            raise ConnectionError
        return log_artifact(*args, **more)

    monkeypatch.setattr(run._client, "log_batch", batch)
    monkeypatch.setattr(run._client, "log_artifact", file)
    run.log_epoch({"loss": 1.0}, 1)
    run.log_text("note.txt", "text")
    run.close("FINISHED")
    assert run.troubles == []
    assert read(run).data.metrics == {"loss": 1.0}
    assert [item.path for item in store.connect(run.tracking_uri).list_artifacts(run.run_id)] == ["note.txt"]


def test_what_mlflow_refuses_is_named_and_nothing_else_is_lost(open_run, uri):
    run = open_run()
    # Somebody else has given the param another value meanwhile.
    store.connect(uri).log_param(run.run_id, "seed", "9")
    run.log_params({"seed": 1, "task": "regression"})
    run.log_epoch({"loss": 1.0}, 1)
    run.close("FINISHED")
    found = read(run)
    assert found.data.params == {"seed": "9", "task": "regression"}
    assert found.data.metrics == {"loss": 1.0}
    assert len(run.troubles) == 1
    assert "MLflow refused the param 'seed'" in run.troubles[0]


def test_a_store_that_does_not_work_is_a_fault_of_the_environment(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database at all, but text" * 30)
    with pytest.raises(EnvironmentFault, match="file is not a database"):
        tracked.TrackedRun.open(name="a", experiment="b", uri=f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_watching_the_machine_without_psutil_is_said(open_run, monkeypatch):
    monkeypatch.setattr(tracked.importlib.util, "find_spec", lambda name: None)
    run = open_run()
    run.watch_system()
    run.close("FINISHED")
    assert run.troubles == [
        "the machine is not watched, because psutil is not installed. Install it with: pip install 'recipeline[system]'"
    ]
    assert run.complete


def test_the_machine_is_watched_on_request(open_run):
    run = open_run()
    run.watch_system(interval_s=60.0)
    run.close("FINISHED")
    found = read(run).data.metrics
    assert 0 <= found["system/cpu_utilization_percentage"] <= 100
    assert found["system/system_memory_usage_megabytes"] > 0
    assert run.troubles == []
