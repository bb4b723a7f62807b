"""The logged model: its signature, its requirements, its answers in a fresh interpreter and over HTTP."""

import io
import json
import os
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import polars as pl
import pytest

from recipeline.data.pipeline import Column
from recipeline.errors import EnvironmentFault, RecipelineError
from recipeline.serving.bundle import Predictor
from recipeline.serving.frames import to_pandas
from recipeline.serving.log import check_model, described, log_model, requirements

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


def test_every_column_must_be_there_and_may_hold_cells_of_any_type(loaded):
    columns = list(loaded.metadata.get_input_schema())
    assert [column.name for column in columns] == ["size", "age", "year", "town", "code", "member", "asked", "seen"]
    assert all(column.required and str(column.type) == "Any" for column in columns)
    assert [(column.name, column.type.name) for column in loaded.metadata.get_output_schema()] == [
        ("prediction", "string"), ("probability_bad", "double"), ("probability_good", "double"),
        ("probability_ugly", "double"),
    ]  # fmt: skip


def test_the_models_page_says_what_each_column_holds(logged):
    model = logged.run.client.get_logged_model(logged.uri.removeprefix("models:/"))
    said = model.tags["mlflow.note.content"]
    assert said.startswith("Predicts grade from raw rows:")
    for line in (
        "| age | a number, or nothing | 0 |",
        "| year | a number | 2000 |",
        "| asked | true or false, or nothing | True |",
        "| code | words | 000 |",
        "| seen | a date such as 2024-01-31 | 2024-01-01 |",
    ):
        assert line in said.splitlines()


def test_a_description_stays_within_what_mlflow_takes_of_a_tag(train):
    trained = train("grade")
    columns = tuple(Column(f"a column | number {number}", "Int64", "numeric") for number in range(2000))
    example = pl.DataFrame({column.name: [1] for column in columns})
    said = described(replace(trained.pipeline, columns=columns), example, ())
    assert len(said) < 8000
    rows = said.splitlines()[4:]
    assert rows[0] == "| a column \\| number 0 | a number | 1 |"
    assert rows[-1] == f"| ... and {2000 - len(rows) + 1} more | | |"


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


def read_csv(rows, folder, **options):
    """The rows through a file, as pandas reads it."""
    import pandas as pd

    rows.write_csv(folder / "rows.csv")
    return pd.read_csv(folder / "rows.csv", dtype={"code": str}, **options)


def frames_of(rows, folder):
    """The same rows in the forms that people have them in pandas."""
    import pandas as pd

    plain = to_pandas(rows, SimpleNamespace(columns=[SimpleNamespace(name=name) for name in rows.columns]))
    yield "read from CSV", read_csv(rows, folder)
    yield "with parsed times", read_csv(rows, folder, parse_dates=["seen"])
    yield "pandas' own types with holes", read_csv(rows, folder).convert_dtypes()
    yield "everything an object", read_csv(rows, folder).astype(object)
    yield "everything a word", pd.read_csv(folder / "rows.csv", dtype=str, keep_default_na=False)
    yield "words as categories", plain.astype({"town": "category", "code": "category"})
    yield "times as dates", plain.assign(seen=[date.fromisoformat(cell) for cell in plain["seen"]])
    yield "times with nanoseconds", plain.assign(seen=pd.to_datetime(plain["seen"]).astype("datetime64[ns]"))
    yield "small numbers", plain.assign(year=plain["year"].astype("int16"), size=plain["size"].astype("float32"))
    yield "whole numbers as fractions", plain.assign(year=plain["year"].astype("float64"))
    yield "more columns, in another order", plain.assign(more=1)[[*reversed(plain.columns), "more"]]
    yield "rows numbered otherwise", plain.set_index(pd.Index(range(100, 100 + len(plain))))
    yield "from Arrow", rows.to_arrow().to_pandas()


@pytest.mark.parametrize("holes", [True, False], ids=["with holes", "without"])
def test_it_takes_whatever_pandas_made_of_the_rows(loaded, logged, tmp_path, holes):
    rows = logged.trained.rows if holes else logged.trained.rows.drop_nulls()
    predictor = Predictor.load(logged.trained.bundle)
    for form, given in frames_of(rows, tmp_path):
        answers = loaded.predict(given)
        assert answers.index.equals(given.index), form
        found = pl.from_pandas(answers)
        size = pl.col("size").cast(pl.Float32).cast(pl.Float64) if form == "small numbers" else pl.col("size")
        assert found.equals(predictor.predict(rows.with_columns(size))), form


def test_a_single_row_of_whole_numbers_and_nothings_is_answered(loaded, logged, tmp_path):
    row = pl.DataFrame(
        {"size": [2], "age": [None], "year": [2004], "town": [None], "code": ["001"], "member": [True],
         "asked": [None], "seen": ["2024-02-03"]}
    )  # fmt: skip
    given = read_csv(row, tmp_path)
    assert {name: str(given[name].dtype) for name in ("size", "age", "town")} == {
        "size": "int64", "age": "float64", "town": "float64"
    }  # fmt: skip
    expected = Predictor.load(logged.trained.bundle).predict(row)
    assert pl.from_pandas(loaded.predict(given)).equals(expected)


def test_codes_that_lost_their_zeros_are_said_and_no_others(loaded, logged, tmp_path):
    import pandas as pd
    from mlflow.exceptions import MlflowException

    logged.trained.rows.write_csv(tmp_path / "rows.csv")
    with pytest.raises(
        MlflowException, match=r"row 1, column 'code': .*probably '000' \(found 0\).*dtype={'code': str}"
    ):
        loaded.predict(pd.read_csv(tmp_path / "rows.csv"))


def test_a_missing_column_is_named(loaded, logged, tmp_path):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"missing inputs \['town'\]"):
        loaded.predict(read_csv(logged.trained.rows.drop("town"), tmp_path))


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


@pytest.fixture(scope="module")
def server(logged, serve):
    """The model behind HTTP."""
    with serve(logged.uri, logged.run.tracking_uri) as address:
        yield address


def ask(server, body, kind="application/json"):
    """Status and answer of one request."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
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
    bodies.append(({"instances": records}, "application/json"))
    bodies.append((rows.write_csv(), "text/csv"))
    rows.write_parquet(packed := io.BytesIO())
    bodies.append((packed.getvalue(), "application/vnd.apache.parquet"))
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
    csv = pl.DataFrame([row]).write_csv()
    bodies = [({form: [row]}, "application/json") for form in ("dataframe_records", "inputs", "instances")]
    for body, kind in [*bodies, (csv, "text/csv")]:
        status, found = ask(server, body, kind)
        assert status == 200, found
        assert found[0]["prediction"] == expected["prediction"][0]
        assert abs(found[0]["probability_bad"] - expected["probability_bad"][0]) <= 1e-6, kind


def test_words_may_stand_in_for_every_cell(server, logged):
    row = {"size": "1.5", "age": "7", "year": "2003", "town": "Oslo", "code": "002", "member": "true", "asked": "false",
           "seen": "2024-03-01"}  # fmt: skip
    expected = Predictor.load(logged.trained.bundle).predict(pl.DataFrame([row, row]))
    columns = {name: [cell, cell] for name, cell in row.items()}
    for body in ({"dataframe_records": [row, row]}, {"inputs": columns}, {"inputs": [row, row]}):
        status, found = ask(server, body)
        assert status == 200, found
        assert [each["prediction"] for each in found] == expected["prediction"].to_list(), body


def test_what_is_wrong_with_the_rows_is_a_readable_400(server, logged):
    row = {**logged.trained.rows.row(0, named=True), "seen": "2024-03-01"}
    lacking = {name: value for name, value in row.items() if name != "town"}
    for body, kind in [
        ({"dataframe_records": [lacking]}, "application/json"),
        ({"inputs": [lacking]}, "application/json"),
        ({"inputs": {name: [cell] for name, cell in lacking.items()}}, "application/json"),
        ({"dataframe_split": {"columns": list(lacking), "data": [list(lacking.values())]}}, "application/json"),
        (pl.DataFrame([lacking]).write_csv(), "text/csv"),
    ]:
        status, found = ask(server, body, kind)
        assert status == 400, kind
        assert "missing inputs ['town']" in json.loads(found)["message"]

    for wrong, words in [
        ({"asked": "perhaps"}, "row 2, column 'asked': expected true or false (found 'perhaps')"),
        ({"size": "big"}, "row 2, column 'size': expected a number (found 'big')"),
        ({"seen": "yesterday"}, "row 2, column 'seen': expected a date such as 2024-01-31 (found 'yesterday')"),
        ({"size": [1, 2]}, "row 2, column 'size': expected a number"),
        ({"size": {"a": 1}}, "row 2, column 'size': expected a number"),
    ]:
        status, found = ask(server, {"dataframe_records": [row, {**row, **wrong}]})
        assert status == 400, wrong
        assert words in json.loads(found)["message"]
    status, found = ask(
        server, pl.DataFrame([row, {**row, "age": 1}]).with_columns(size=pl.lit("big")).write_csv(), "text/csv"
    )
    assert status == 400
    assert "row 1, column 'size': expected a number (found 'big')" in json.loads(found)["message"]


@pytest.mark.parametrize("body", ["", "a,b\n1,2,3,4\n5", '"', "size\n\x00"])
def test_what_is_no_csv_is_a_400(server, body):
    status, found = ask(server, body, "text/csv")
    assert status == 400
    assert "Traceback" not in json.loads(found)["message"]
