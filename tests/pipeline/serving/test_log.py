"""The logged model: its signature, its requirements, its answers in a fresh interpreter and over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from recipeline.errors import EnvironmentFault, RecipelineError
from recipeline.serving.bundle import Predictor
from recipeline.serving.frames import to_pandas
from recipeline.serving.log import check_model, log_model, requirements, signature

HOLES = ("size", "age", "town", "asked")


@pytest.fixture(scope="module")
def logged(train, run):
    trained = train("grade")
    uri = log_model(run, trained.bundle, example=trained.rows.head(4), nullable=HOLES, register_as="shop-grades")
    return SimpleNamespace(uri=uri, run=run, trained=trained)


@pytest.fixture(scope="module")
def loaded(logged):
    import mlflow.pyfunc

    from recipeline.serving.store import as_default

    with as_default(logged.run.tracking_uri):
        return mlflow.pyfunc.load_model(logged.uri)


def test_columns_have_the_types_that_pandas_gives_to_such_data(loaded):
    types = {column.name: column.type.name for column in loaded.metadata.get_input_schema()}
    assert types == {
        "size": "double",
        "age": "double",  # whole numbers, some missing
        "year": "long",
        "town": "string",
        "code": "string",
        "member": "boolean",
        "asked": "string",  # truth values, some missing
        "seen": "string",
    }
    assert [column.name for column in loaded.metadata.get_output_schema()] == [
        "prediction", "probability_bad", "probability_good", "probability_ugly"
    ]  # fmt: skip


def test_the_model_belongs_to_its_run_and_its_experiment(logged):
    model = logged.run.client.get_logged_model(logged.uri.removeprefix("models:/"))
    assert model.source_run_id == logged.run.run_id
    assert model.experiment_id == logged.run.experiment_id
    assert model.status == "READY"
    assert model.params == {"optimizer": "adam"}
    found = logged.run.client.get_run(logged.run.run_id)
    assert model.model_id in [output.model_id for output in found.outputs.model_outputs]
    assert found.info.status == "RUNNING"
    version = logged.run.client.get_model_version("shop-grades", "1")
    assert version.run_id == logged.run.run_id


def test_the_environment_is_left_as_it_was(logged):
    import mlflow

    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert mlflow.active_run() is None


def test_it_answers_what_the_bundle_answers(loaded, logged):
    rows = logged.trained.rows
    expected = Predictor.load(logged.trained.bundle).predict(rows)
    found = loaded.predict(to_pandas(rows, logged.trained.pipeline))
    assert pl.from_pandas(found).equals(expected)


def test_it_takes_a_csv_that_pandas_has_read(loaded, logged, tmp_path):
    import pandas as pd

    logged.trained.rows.write_csv(tmp_path / "rows.csv")
    rows = pd.read_csv(tmp_path / "rows.csv", dtype={"code": str})
    expected = Predictor.load(logged.trained.bundle).predict(logged.trained.rows)
    assert pl.from_pandas(loaded.predict(rows)).equals(expected)


def test_the_check_runs_in_a_fresh_interpreter_and_finds_no_difference(logged):
    rows = logged.trained.rows
    expected = Predictor.load(logged.trained.bundle).predict(rows)
    assert check_model(logged.uri, rows, expected, tracking_uri=logged.run.tracking_uri) == 0.0


class Answering:
    """A fresh interpreter that has found something."""

    def __init__(self, difference=0.0, wrong=""):
        self.found = {"difference": difference, "wrong": wrong}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def ask(self, folder):
        assert {path.name for path in folder.iterdir()} == {"model", "rows.parquet", "expected.parquet"}
        return self.found


def test_a_model_that_answers_otherwise_is_refused(logged):
    rows, uri = logged.trained.rows, logged.run.tracking_uri
    assert check_model(logged.uri, rows, rows, tracking_uri=uri, fresh=Answering(1e-7)) == 1e-7
    with pytest.raises(
        RecipelineError, match=r"answers otherwise than the trainer did \(found a difference of 0.0001\)"
    ):
        check_model(logged.uri, rows, rows, tracking_uri=uri, fresh=Answering(1e-4))
    with pytest.raises(
        RecipelineError, match=r"otherwise than the trainer did \(found 'prediction' is 1 instead of 2\)"
    ):
        check_model(logged.uri, rows, rows, tracking_uri=uri, fresh=Answering(0.0, "'prediction' is 1 instead of 2"))


def test_a_model_that_is_not_there_is_a_fault_of_the_environment(logged, train):
    rows = train("grade").rows
    with pytest.raises(EnvironmentFault, match="the model models:/m-0 could not be fetched"):
        check_model("models:/m-0", rows, rows, tracking_uri=logged.run.tracking_uri)


def test_requirements_name_each_distribution_with_its_version():
    found = requirements({"recipeline": "0.1.0", "their-losses": "3.2"})
    assert "recipeline==0.1.0" in found
    assert "their-losses==3.2" in found
    assert not any("+" in line for line in found), "a local build such as torch +cpu can't be installed by that name"
    assert {line.partition("==")[0] for line in found} >= {"mlflow", "torch", "polars", "safetensors"}


def test_a_column_without_holes_stays_a_whole_number(train):
    pipeline = train("grade").pipeline
    types = {column.name: column.type.name for column in signature(pipeline, ()).inputs}
    assert types["age"] == "long"
    assert types["asked"] == "boolean"


@pytest.fixture(scope="module")
def server(logged):
    """`mlflow models serve` in a process group of its own, on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "models", "serve", "-m", logged.uri, "--env-manager", "local"),
            *("-h", "127.0.0.1", "-p", str(port), "-w", "1"),
        ],
        env={
            **os.environ,
            # `mlflow models serve` calls uvicorn by its name.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": logged.run.tracking_uri,
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        limit = time.monotonic() + 90
        while True:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=2)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(server, body, kind="application/json"):
    """Status and answer of one request."""
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/invocations", data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())["predictions"]
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_every_form_of_request_gets_the_trainers_answers(server, logged):
    rows = logged.trained.rows.head(20)
    expected = Predictor.load(logged.trained.bundle).predict(rows)
    records = [{**row, "seen": str(row["seen"])} for row in rows.to_dicts()]
    columns = list(records[0])
    forms = {
        "dataframe_records": records,
        "dataframe_split": {"columns": columns, "data": [list(row.values()) for row in records]},
        "inputs": {name: [row[name] for row in records] for name in columns},
    }
    bodies = [({form: content}, "application/json") for form, content in forms.items()]
    bodies.append(({"inputs": records}, "application/json"))
    bodies.append((rows.write_csv(), "text/csv"))
    for body, kind in bodies:
        status, found = ask(server, body, kind)
        form = next(iter(body)) if isinstance(body, dict) else kind
        assert status == 200, (form, found)
        assert [row["prediction"] for row in found] == expected["prediction"].to_list(), form
        for name in expected.columns[1:]:
            apart = max(abs(row[name] - value) for row, value in zip(found, expected[name], strict=True))
            assert apart <= 1e-6, (form, name, apart)


def test_a_row_that_lacks_every_value_that_may_be_missing_is_answered(server, logged):
    row = {"size": None, "age": None, "year": 2003.0, "town": None, "code": "002", "member": True, "asked": None,
           "seen": "2024-03-01"}  # fmt: skip
    expected = Predictor.load(logged.trained.bundle).predict(
        pl.DataFrame([row], schema_overrides={"size": pl.Float64, "asked": pl.Boolean})
    )
    for form in ("dataframe_records", "inputs"):
        status, found = ask(server, {form: [row]})
        assert status == 200, found
        assert found[0]["prediction"] == expected["prediction"][0]
        assert abs(found[0]["probability_bad"] - expected["probability_bad"][0]) <= 1e-6, form


def test_what_is_wrong_with_the_rows_is_a_readable_400(server, logged):
    row = {**logged.trained.rows.row(0, named=True), "seen": "2024-03-01"}
    lacking = {name: value for name, value in row.items() if name != "town"}
    status, found = ask(server, {"dataframe_records": [lacking]})
    assert status == 400
    assert "town" in found

    status, found = ask(server, {"dataframe_records": [row, {**row, "asked": "perhaps"}]})
    assert status == 400
    assert "row 2, column 'asked': expected true or false (found 'perhaps')" in json.loads(found)["message"]

    status, found = ask(server, {"dataframe_records": [{**row, "size": "big"}]})
    assert status == 400
    assert "size" in found
