"""The bundled images: how many, how large, and what they are."""

import importlib.util

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from recipeline import MissingExtra
from recipeline_plugins.source.sample import SampleSource


@pytest.mark.parametrize(
    ("dataset", "rows", "dtype", "target", "classes"),
    [
        ("digits_images", 1797, pl.Array(pl.UInt8, (8, 8)), "digit", 10),
        ("mnist", 5000, pl.Array(pl.UInt8, (28, 28)), "digit", 10),
        ("faces", 200, pl.Array(pl.Float64, (25, 25)), "shows", 2),
    ],
)
def test_rows_shapes_and_classes(dataset: str, rows: int, dtype: pl.DataType, target: str, classes: int) -> None:
    source = SampleSource.model_validate({"dataset": dataset})
    found = source.scan().collect()
    assert found.height == rows
    assert found.schema["image"] == dtype
    assert found[target].n_unique() == classes
    assert source.fingerprint() == SampleSource.model_validate({"dataset": dataset}).fingerprint()


def test_the_shades_are_scikit_learns() -> None:
    found = SampleSource(dataset="digits_images").scan().collect()["image"].to_numpy()
    assert np.array_equal(found / 15, datasets.load_digits().images)


def test_a_missing_package_gives_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("recipeline_plugins.source.sample_images.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"needs the package 'scikit-image'.*pip install 'recipeline\[images\]'"):
        SampleSource(dataset="faces").scan()
