"""`recipeline plan`: what a run would do, in tables and for machines, and where it goes wrong."""

import json

import pytest

from recipeline.cli.main import main

RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
preprocessing: [{type: standardize, columns: numeric}]
architecture: {type: mlp, hidden: [8]}
training: {epochs: 1, batch_size: full}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECIPELINE_HOME", raising=False)
    (tmp_path / "iris.yaml").write_text(RECIPE)


def test_people_get_the_stages_and_the_settings_as_a_recipe_has_them(capsys, tmp_path):
    assert main(["plan", "iris.yaml", "training.epochs=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "iris: what a run would do"
    assert any(
        line.startswith("build ") and line.endswith("mlp, 67 parameters, 3 outputs (multiclass)") for line in lines
    )
    assert any("3 epochs of 1 batch of 105; accelerator auto, 1 CPU thread" in line for line in lines)
    mlp = next(line for line in lines if line.startswith("architecture "))
    assert "hidden: [8], activation: relu, normalization: none" in mlp
    assert "residual: false" in mlp
    assert not (tmp_path / "mlflow.db").exists(), "nothing is trained, nothing is tracked"


def test_a_batch_size_that_is_left_open_is_found(capsys):
    assert main(["plan", "iris.yaml", "training.batch_size=auto"]) == 0
    assert "1 epoch of 2 batches of 64 (the train part has 105 rows); accelerator auto" in capsys.readouterr().out


def test_a_terminal_is_not_told_the_same_distribution_in_every_row(capsys, monkeypatch):
    monkeypatch.setattr("recipeline.cli.plan.is_terminal", lambda: True)
    assert main(["plan", "iris.yaml"]) == 0
    out = capsys.readouterr().out
    assert "\nAll plugins are from recipeline 0." in out
    assert out.count("recipeline 0.") == 1


def test_what_is_not_in_the_cache_is_said_with_the_reason(capsys):
    def preprocess(*overrides):
        assert main(["plan", "iris.yaml", *overrides]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("preprocess"))

    assert preprocess().endswith("; not in the cache before, kept there now")
    assert preprocess().endswith("; in the cache")
    changed = preprocess("preprocessing.0.columns=sepal_*")
    assert changed.endswith(
        "; not in the cache before (other than there: preprocessing[0] (standardize)), kept there now"
    )


def test_machines_get_one_document(capsys):
    assert main(["plan", "iris.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["parameters"] == 67
    assert sum(document["rows"].values()) == 150


def test_what_the_data_reveals_is_placed_in_the_recipe(capsys):
    assert main(["plan", "iris.yaml", "data.columns.nobody=ignore"]) == 2
    assert capsys.readouterr().err.startswith("override 'data.columns.nobody=ignore'  data.columns.nobody: there is no")
    assert main(["plan", "iris.yaml", "data.target=speces"]) == 2
    assert "there is no column 'speces'. Did you mean 'species'?" in capsys.readouterr().err
