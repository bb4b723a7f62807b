"""What is served answers raw rows as the trainer did: the same numbers in one batch, nearly the same row by row."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from recipeline import runner
from recipeline.errors import RecipelineError
from recipeline.recipe.load import load_recipe
from recipeline.serving.bundle import answer_frame
from recipeline.stages import package

RECIPES = Path(__file__).parents[3] / "recipes"
SHIPPED = ("quickstart", "diabetes", "every_role")
"""Three classes; a normalized target; every role, with codes that the network embeds."""
ROW_BY_ROW = 1e-6
"""As far as an answer to one row may be from the batch's, which other kernels compute: a share of that very answer."""

FRESH = """
import sys, warnings
import mlflow.pyfunc, pandas, uvicorn
from fastapi import FastAPI
from mlflow.pyfunc import scoring_server

root = FastAPI()
for name in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(f"{name}/model")
    rows = pandas.read_csv(f"{name}/rows.csv")
    model.predict(rows).to_parquet(f"{name}/together.parquet")
    single = [model.predict(rows.iloc[[row]].reset_index(drop=True)) for row in range(len(rows))]
    pandas.concat(single, ignore_index=True).to_parquet(f"{name}/single.parquet")
    # What `mlflow models serve` serves, three times in one process.
    root.mount(f"/{name}", scoring_server.init(model))
uvicorn.run(root, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Name -> the trainer's own answers to its whole test part, the raw rows in the same order, the model's files."""
    folder = tmp_path_factory.mktemp("trained")
    found = {}
    jobs = []

    def run(job):
        jobs.append(job)
        package_run(job)

    package_run = package.run
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(package, "run", run)
        for name in SHIPPED:
            recipe = load_recipe(RECIPES / f"{name}.yaml", ["training.epochs=4", "reports=[]"])
            result = runner.run(recipe)
            job = jobs.pop()
            assert job.judged == "test"
            numbers = [int(row) for row in job.data.parts["test"].rows]
            raw = job.datamodule.table.scan().with_row_index("row").collect()
            rows = pl.DataFrame({"row": numbers}, schema={"row": pl.UInt32}).join(raw, on="row", maintain_order="left")
            place = folder / name
            place.mkdir()
            rows.drop("row", *job.data.target.columns).write_csv(place / "rows.csv")
            from mlflow.artifacts import download_artifacts

            from recipeline.serving.store import as_default

            with as_default(result.tracking_uri):
                download_artifacts(artifact_uri=result.model_uri, dst_path=str(place / "model"))
            found[name] = SimpleNamespace(
                place=place,
                rows=rows.drop("row", *job.data.target.columns),
                own=answer_frame(job.prediction, job.data.target),
                metrics=result.metrics,
            )
            assert found[name].own.height == len(numbers) > 40
    return found


@pytest.fixture(scope="module")
def server(trained):
    """A fresh process that has answered from pandas, and answers over HTTP now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = trained["quickstart"].place.parent
    log = folder / "server.txt"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FRESH, str(port), *SHIPPED],
            cwd=folder,
            env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
            start_new_session=True,
            stdout=said,
            stderr=said,
        )
    try:
        limit = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/quickstart/ping", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(address, body, kind="application/json"):
    request = urllib.request.Request(f"{address}/invocations", body.encode(), {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())["predictions"]


def records(rows):
    """The rows as JSON has them: times as text."""
    return [
        {name: cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell) for name, cell in each}
        for each in (row.items() for row in rows.to_dicts())
    ]


def same(found, expected, tolerance):
    """Whether two tables of answers are the same, each number within this share of itself."""
    assert found.columns == expected.columns
    assert found.height == expected.height
    for name in expected.columns:
        one, other = found[name], expected[name]
        if not other.dtype.is_float():
            assert one.to_list() == other.to_list()
            continue
        assert ((one - other).abs() <= tolerance * other.abs()).all(), (name, ((one - other).abs() / other.abs()).max())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_fresh_process_gives_the_trainers_numbers_from_pandas(server, trained, name):
    given = trained[name]
    same(pl.read_parquet(given.place / "together.parquet"), given.own, 0.0)
    same(pl.read_parquet(given.place / "single.parquet"), given.own, ROW_BY_ROW)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_server_gives_the_trainers_numbers(server, trained, name):
    given, address = trained[name], f"{server}/{name}"
    sent = records(given.rows)
    forms = [
        {"dataframe_records": sent},
        {"dataframe_split": {"columns": given.rows.columns, "data": [list(row.values()) for row in sent]}},
        {"inputs": {column: [row[column] for row in sent] for column in given.rows.columns}},
        {"inputs": sent},
    ]
    for form in forms:
        same(pl.DataFrame(ask(address, json.dumps(form))), given.own, 0.0)
    same(pl.DataFrame(ask(address, given.rows.write_csv(), "text/csv")), given.own, 0.0)
    single = [ask(address, json.dumps({"dataframe_records": [row]}))[0] for row in sent]
    same(pl.DataFrame(single), given.own, ROW_BY_ROW)


def test_the_numbers_are_in_the_targets_own_words_and_unit(trained):
    assert set(trained["quickstart"].own["prediction"]) <= {"Adelie", "Chinstrap", "Gentoo"}
    assert trained["diabetes"].own["prediction"].mean() > 20, "a score, and not standard deviations"
    assert trained["every_role"].own["prediction"].mean() > 1000, "grams, and not standard deviations"


def test_a_model_that_answers_otherwise_fails_the_run(trained, monkeypatch):
    def wrong(job):
        job.prediction = job.prediction.flip(0)
        package_run(job)

    package_run = package.run
    monkeypatch.chdir(trained["quickstart"].place.parent)  # where the store and the data are by now
    monkeypatch.setattr(package, "run", wrong)
    recipe = load_recipe(RECIPES / "quickstart.yaml", ["training.epochs=1", "reports=[]"])
    with pytest.raises(RecipelineError, match="the logged model answers otherwise than the trainer did"):
        runner.run(recipe)
