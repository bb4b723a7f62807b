"""Each channel around 0 with a spread of 1, by the train images alone."""

import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.normalize_image import NormalizeImage

X = np.random.default_rng(0).integers(0, 256, (40, 3, 5, 4), dtype=np.uint8)


def normalized(train: pl.Series, given: pl.Series) -> np.ndarray:
    step = NormalizeImage()
    state = step.fit(train.to_frame().lazy())
    return step.transform(given.to_frame().lazy(), state).collect().to_series().to_numpy()


def test_it_is_numpys_mean_and_deviation_by_channel() -> None:
    found = normalized(pl.Series("i", X[:30]), pl.Series("i", X))
    x = X / 255
    mean, scale = (f(x[:30], axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.std))
    assert found.dtype == np.float32
    assert np.allclose(found, (x - mean) / scale, atol=1e-6)


def test_a_channel_that_never_changes_becomes_zeros() -> None:
    flat = X.copy()
    flat[:, 1] = 7
    found = normalized(pl.Series("i", flat), pl.Series("i", flat))
    assert not found[:, 1].round(6).any()


def test_words_need_load_image_first() -> None:
    with pytest.raises(DataError, match=r"images of one size.*Put load_image before it"):
        NormalizeImage().fit(pl.LazyFrame({"i": ["a.png"]}))
