"""The bundled data sets with readable columns and classes as words."""

import importlib.util

import polars as pl
import pytest
from pydantic import ValidationError
from sklearn import datasets

from recipeline import MissingExtra
from recipeline_plugins.source.sample import TARGETS, SampleSource


def frame(dataset: str) -> pl.DataFrame:
    return SampleSource.model_validate({"dataset": dataset}).scan().collect()


@pytest.mark.parametrize(
    ("dataset", "rows", "columns"),
    [
        ("penguins", 344, 8),
        ("iris", 150, 5),
        ("wine", 178, 14),
        ("breast_cancer", 569, 31),
        ("diabetes", 442, 11),
        ("digits", 1797, 65),
    ],
)
def test_rows_and_columns(dataset: str, rows: int, columns: int) -> None:
    found = frame(dataset)
    assert found.shape == (rows, columns)
    assert all(name.replace("_", "").isalnum() for name in found.columns)


def test_classes_are_words() -> None:
    assert frame("iris")["species"].unique().sort().to_list() == ["setosa", "versicolor", "virginica"]
    assert frame("breast_cancer")["diagnosis"].unique().sort().to_list() == ["benign", "malignant"]
    assert frame("diabetes").schema["progression"] == pl.Float64
    assert frame("digits").schema["digit"] == pl.Int64


@pytest.mark.parametrize("dataset", TARGETS)
def test_values_are_those_of_scikit_learn(dataset: str) -> None:
    bunch = getattr(datasets, f"load_{dataset}")()
    assert (frame(dataset).drop(TARGETS[dataset]).to_numpy() == bunch.data).all()


def test_some_rows_are_spread_over_all() -> None:
    whole = frame("iris")
    found = SampleSource(dataset="iris", rows=6).scan().collect()
    assert found.equals(whole[[0, 25, 50, 75, 100, 125]])
    assert SampleSource(dataset="iris", rows=1000).scan().collect().equals(whole)
    assert SampleSource(dataset="iris", rows=6).fingerprint() != SampleSource(dataset="iris").fingerprint()
    with pytest.raises(ValidationError, match="greater than 0"):
        SampleSource(dataset="iris", rows=0)


def test_penguins_have_their_real_missing_values() -> None:
    found = frame("penguins")
    assert found["bill_length_mm"].null_count() == 2
    assert found["sex"].null_count() == 11
    assert found["species"].unique().sort().to_list() == ["Adelie", "Chinstrap", "Gentoo"]


def test_a_missing_package_gives_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'recipeline\[samples\]'"):
        frame("penguins")


def test_the_fingerprint_is_that_of_the_rows() -> None:
    prints = {SampleSource.model_validate({"dataset": name}).fingerprint() for name in ("iris", "wine", "iris")}
    assert len(prints) == 2
