"""Images at another size: by Pillow's rule, and the same alone as among others."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import ValidationError

from recipeline import DataError
from recipeline_plugins.preprocessing.resize import Resize

X = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), dtype=np.uint8)


def resized(step: Resize, given: pl.Series) -> pl.Series:
    state = step.fit(given.to_frame().lazy())
    return step.transform(given.to_frame().lazy(), state).collect().to_series()


@pytest.mark.parametrize("size", [[4, 3], [16, 20]])
def test_it_is_pillows_bilinear(size: list[int]) -> None:
    found = resized(Resize(size=size), pl.Series("i", X)).to_numpy()
    height, width = size
    for image, made in zip(X, found, strict=True):
        planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR) for plane in image]
        assert np.array_equal(made, np.stack([np.asarray(plane) for plane in planes]))
    assert found.dtype == np.uint8


def test_fractions_stay_fractions_and_gray_images_get_a_channel() -> None:
    found = resized(Resize(size=[4, 4]), pl.Series("i", np.full((2, 8, 6), 0.25)))
    assert found.dtype == pl.Array(pl.Float32, (1, 4, 4))
    assert np.allclose(found.to_numpy(), 0.25)


def test_the_same_size_changes_nothing_and_a_missing_image_stays_missing() -> None:
    given = pl.Series("i", X).set(pl.Series([False, True, False, False, False]), None)
    found = resized(Resize(size=[8, 6]), given)
    assert found.null_count() == 1
    assert np.array_equal(found.drop_nulls().to_numpy(), X[[0, 2, 3, 4]])
    assert resized(Resize(size=[4, 4]), given.clear()).dtype == pl.Array(pl.UInt8, (3, 4, 4))


def test_other_shapes_are_stretched_cut_or_padded() -> None:
    wide = np.full((1, 4, 8), 200, dtype=np.uint8)
    padded = resized(Resize(size=[8, 8], aspect="pad"), pl.Series("i", wide)).to_numpy()[0, 0]
    assert padded[0].max() == 0
    assert padded[4].min() == 200
    wide[:, :, :2] = 0
    cut = resized(Resize(size=[4, 4], aspect="crop"), pl.Series("i", wide)).to_numpy()[0, 0]
    assert cut.min() == 200


@pytest.mark.parametrize(
    "cells", [["a.png"], [[[1, 2], [3, 4]]], np.zeros((1, 2, 3, 3))], ids=["paths", "lists", "two channels"]
)
def test_what_is_no_image_of_numbers_needs_load_image(cells: Any) -> None:
    with pytest.raises(DataError, match=r"`resize` works on images of one size.*Put load_image before it"):
        Resize(size=[4, 4]).fit(pl.LazyFrame({"i": pl.Series("i", cells)}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Field required"),
        ({"size": [4]}, "at least 2"),
        ({"size": [0, 4]}, "greater than or equal to 1"),
        ({"size": [4, 4], "aspect": "fill"}, "'stretch', 'crop' or 'pad'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Resize.model_validate(settings)


def test_an_image_alone_gets_what_it_gets_among_others_and_a_second_fit_learns_the_same() -> None:
    step = Resize(size=[5, 4])
    given = pl.Series("i", X)
    state = json.loads(json.dumps(step.fit(given.to_frame().lazy())))
    assert step.fit(pl.Series("i", X[::-1].copy()).to_frame().lazy()) == state == {"i": {"channels": 3}}
    together = step.transform(given.to_frame().lazy(), state).collect()
    for row in range(len(X)):
        alone = step.transform(given.slice(row, 1).to_frame().lazy(), state).collect()
        assert alone.schema == together.schema
        assert np.array_equal(alone["i"].to_numpy()[0], together["i"].to_numpy()[row])
    empty = step.transform(given.clear().to_frame().lazy(), state)
    assert empty.collect_schema() == empty.collect().schema == together.schema
    assert "At serving" in (Resize.__doc__ or "")
