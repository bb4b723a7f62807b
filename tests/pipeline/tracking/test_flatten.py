"""A recipe as flat params: short, legal, one a setting."""

import re

import pytest

from recipeline.recipe.load import parse
from recipeline.tracking.flatten import flat_params

TEXT = """
name: census
description: A first try.
seed: 7
data:
  source: {type: csv, path: data/census.csv}
  target: income
  task: binary
  columns: {zip: categorical, "a b[c]": ignore, "price_*": numeric}
  split: {type: random, train: 0.8, validation: 0.1, test: 0.1}
preprocessing:
  - drop_duplicates
  - {type: impute, columns: numeric, strategy: median}
  - {type: impute, columns: [town, zip], strategy: most_frequent}
  - {type: replace, columns: town, values: {Olso: Oslo, Roma: Rome}}
  - {type: standardize, columns: numeric}
architecture: {type: mlp, hidden: [256, 128], dropout: 0.5}
loss: cross_entropy
optimizer: {type: adam, lr: 0.001}
regularization:
  - {type: l2, weight: 1.0e-4}
training: {epochs: 3, batch_size: full}
tracking: {experiment: mine, tags: {team: a}}
"""


def params(text=TEXT, *changes, **variables):
    return flat_params(parse(text, "census.yaml", changes, variables=variables).recipe)


def test_settings_stand_under_dotted_keys_and_plugins_under_their_place():
    found = params()
    assert (
        found.items()
        >= {
            "seed": 7,
            "task": "binary",
            "data.source": "data/census.csv",
            "data.source.type": "csv",
            "data.target": "income",
            "data.columns.zip": "categorical",
            "data.split": "random",
            "data.split.train": 0.8,
            "preprocessing": "drop_duplicates, impute, impute, replace, standardize",
            "preprocessing.impute.strategy": "median",
            "preprocessing.impute_2.strategy": "most_frequent",
            "preprocessing.impute_2.columns": "town, zip",
            "architecture": "mlp",
            "architecture.hidden": "256, 128",
            "architecture.dropout": 0.5,
            "loss": "cross_entropy",
            "optimizer": "adam",
            "optimizer.lr": 0.001,
            "scheduler": "none",
            "regularization": "l2",
            "regularization.l2.weight": 1e-4,
            "training.epochs": 3,
            "training.batch_size": "full",
        }.items()
    )


def test_nothing_looks_like_json_and_every_key_is_legal():
    from mlflow.utils.validation import _validate_param_name

    for key, value in params().items():
        _validate_param_name(key)
        assert isinstance(value, str | int | float | bool), key
        assert not re.search(r"[\[\]{}]", str(value)), (key, value)


def test_what_decides_nothing_is_left_out():
    found = params()
    assert not [key for key in found if key.startswith(("name", "description", "tracking"))]
    assert "data.source.path" not in found


def test_a_task_that_is_still_open_is_no_param():
    assert "task" not in params(TEXT, "data.task=auto")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("optimizer.lr=0.01", "optimizer.lr"),
        ("seed=8", "seed"),
        ("architecture.hidden=[64]", "architecture.hidden"),
        ("training.batch_size=32", "training.batch_size"),
        ("regularization.0.weight=0.1", "regularization.l2.weight"),
        ("data.target=wage", "data.target"),
        ("data.columns.zip=numeric", "data.columns.zip"),
    ],
)
def test_one_other_setting_is_one_other_param(change, key):
    before, after = params(), params(TEXT, change)
    assert [name for name in before | after if before.get(name) != after.get(name)] == [key]


def test_two_columns_whose_names_mlflow_can_not_tell_apart_stay_two():
    text = TEXT.replace('"a b[c]": ignore', '"a b[c]": ignore, "a b(c)": numeric')
    found = params(text)
    assert {found["data.columns.a b_c_"], found["data.columns.a b_c__2"]} == {"ignore", "numeric"}


def test_what_comes_from_the_environment_is_shown_as_it_is_written():
    text = TEXT.replace("path: data/census.csv", 'path: "${env:WHERE}/census.csv"')
    found = params(text, WHERE="/secret/place")
    assert found["data.source"] == "${env:WHERE}/census.csv"
    assert not any("secret" in str(value) for value in found.values())
