"""`recipeline predict`: a run's model answers a file."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from recipeline.cli.main import main
from recipeline.network import build_network
from recipeline.recipe.model import Recipe
from recipeline.serving.bundle import Predictor, write_bundle
from recipeline.serving.log import log_model
from recipeline.stages.read import complete
from recipeline.tracking import store
from recipeline.tracking.run import TrackedRun
from recipeline.training.datamodule import RecipeDataModule

ROWS = pl.DataFrame(
    {
        "age": [None if n % 7 == 3 else n % 40 for n in range(60)],
        "town": [("Oslo", "Rome")[n % 2] for n in range(60)],
        "grade": [("good", "bad", "ugly")[n % 3] for n in range(60)],
    }
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a run that has a model and one that has none, and the model's bundle."""
    folder = tmp_path_factory.mktemp("predicted")
    ROWS.write_csv(folder / "rows.csv")
    source = {"type": "csv", "path": str(folder / "rows.csv")}
    written = {"name": "shop", "data": {"source": source, "target": "grade"}, "architecture": "linear"}
    module = RecipeDataModule(Recipe.model_validate(written), folder / "cache", complete)
    data, recipe = module.data, module.recipe
    torch.manual_seed(1)
    network = build_network(recipe, data.inputs, data.target)
    write_bundle(folder / "bundle", network=network, recipe=recipe, pipeline=data.pipeline, batch_size=64)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    store.create_store(uri)
    TrackedRun.open(name="bare", experiment="e", uri=uri).close("FAILED")
    run = TrackedRun.open(name="shop", experiment="e", uri=uri, tags={"recipeline.version": "0.1.0"})
    log_model(run, folder / "bundle", example=ROWS.drop("grade").head(4))
    run.close("FINISHED")
    return uri, folder


@pytest.fixture(autouse=True)
def _store(made, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made[0])
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def expected(made):
    return Predictor.load(made[1] / "bundle").predict(ROWS)


def test_answers_go_to_stdout_as_csv(made, expected, capsys):
    assert main(["predict", "shop", str(made[1] / "rows.csv")]) == 0
    assert pl.read_csv(capsys.readouterr().out.encode()).equals(expected)


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_answers_go_to_a_file_and_replace_it(name, made, expected, tmp_path, capsys):
    (tmp_path / name).write_text("old")
    ROWS.drop("grade").write_parquet(tmp_path / "rows.parquet")
    assert main(["predict", "last", "rows.parquet", "-o", name]) == 0
    read = pl.read_csv if name.endswith("csv") else pl.read_parquet
    assert read(tmp_path / name).equals(expected)
    said = capsys.readouterr()
    assert said.out == ""
    assert "60 rows answered by shop (" in said.err


def test_machines_get_a_list_of_rows(made, expected, capsys):
    assert main(["predict", "shop", str(made[1] / "rows.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.to_dicts()


def test_a_wrong_row_is_named_with_file_and_column(tmp_path, capsys):
    (tmp_path / "new.csv").write_text("age,town\n5,Oslo\nold,Rome\n")
    assert main(["predict", "shop", "new.csv"]) == 2
    said = capsys.readouterr().err
    assert "new.csv" in said
    assert "column 'age'" in said
    assert "'old'" in said
    assert "Traceback" not in said


def test_a_missing_column_is_named(tmp_path, capsys):
    (tmp_path / "new.csv").write_text("age\n5\n")
    assert main(["predict", "shop", "new.csv"]) == 2
    assert "column 'town': this column is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bare", "rows.csv"], "(bare) has no model (found FAILED)"),
        (["nobody", "rows.csv"], "no run is meant by 'nobody'"),
        (["shop", "nothing.csv"], "nothing.csv: there is no such file"),
        (["shop", "rows.xls"], "neither CSV nor Parquet"),
        (["shop", "rows.csv", "-o", "out.txt"], "-o: the file's name must say what to write (found out.txt)"),
        (["shop", "rows.csv", "-o", "no/out.csv"], "-o: there is no such folder (found no)"),
        (["shop", "rows.csv", "-o", "./rows.csv"], "-o: this would replace DATA by its answers"),
    ],
)
def test_mistakes_are_usage_errors_and_write_nothing(arguments, words, tmp_path, capsys):
    ROWS.write_csv(tmp_path / "rows.csv")
    before = (tmp_path / "rows.csv").read_bytes()
    assert main(["predict", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "rows.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    ("data", "says"),
    [("none.csv", "none.csv: there is no such file."), ("rows.xlsx", "DATA is neither CSV nor Parquet by its name")],
)
def test_data_that_is_not_there_is_said_before_the_run_is_looked_for(monkeypatch, capsys, data, says):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["predict", "last", data]) == 2
    assert capsys.readouterr().err.startswith(says)


@pytest.fixture
def logged(made):
    """The logged model's folder in the store, as it was when the test is over."""
    import mlflow

    client = mlflow.MlflowClient(made[0])
    found = client.search_logged_models([client.get_experiment_by_name("e").experiment_id])[0]
    folder = Path(found.artifact_location.removeprefix("file://"))
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield folder
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "said"),
    [
        ("MLmodel", b"mlflow.pyfunc.loaders.code_model", b"os", 3, "flavors.python_function.loader_module: this is no"),
        ("MLmodel", b"code: null", b"code: !!python/name:os.system", 3, "found a YAML tag"),
        (
            "artifacts/bundle/model.json",
            b'"linear"',
            b'"mlp"',
            4,
            "the model is damaged, or was changed: model.json has",
        ),
        ("artifacts/bundle/weights.safetensors", b"F32", b"F16", 4, "weights.safetensors is not what was written"),
        ("artifacts/bundle/manifest.json", b"sha256", b"sha257", 4, "manifest.json is not what was written"),
    ],
)
def test_a_model_that_somebody_has_changed_is_refused(name, old, new, code, said, made, logged, capsys):
    content = (logged / name).read_bytes()
    assert old in content
    (logged / name).write_bytes(content.replace(old, new, 1))
    assert main(["predict", "shop", str(made[1] / "rows.csv")]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err
