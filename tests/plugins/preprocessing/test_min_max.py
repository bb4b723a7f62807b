import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import MinMaxScaler

from recipeline import DataError
from recipeline_plugins.preprocessing.min_max import MinMax


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("ends", [(0.0, 1.0), (-3.0, 2.5)])
def test_numbers_are_those_of_scikit_learn(apply, ends, clip):
    rng = np.random.default_rng(0)
    train, others = rng.normal(5, 20, (200, 3)), rng.normal(5, 40, (100, 3))
    expected = MinMaxScaler(feature_range=ends, clip=clip).fit(train).transform(others)
    made = apply(MinMax(feature_range=list(ends), clip=clip), pl.DataFrame(train), pl.DataFrame(others))
    assert np.abs(made.to_numpy() - expected).max() < 1e-9


def test_the_ends_of_the_train_rows_become_the_ends_of_the_range(apply):
    made = apply(MinMax(feature_range=[-1, 1]), pl.DataFrame({"x": [2, 3, 4], "b": [True, False, None]}))
    assert made["x"].to_list() == [-1.0, 0.0, 1.0]
    assert made["b"].to_list() == [1.0, -1.0, None]


def test_a_constant_column_becomes_the_low_end(apply):
    assert apply(MinMax(feature_range=[3, 4]), pl.DataFrame({"x": [5, 5]}))["x"].to_list() == [3.0, 3.0]


def test_a_column_without_train_values_is_shifted_only(apply):
    train = pl.DataFrame({"x": pl.Series([None], dtype=pl.Int64)})
    assert apply(MinMax(), train, pl.DataFrame({"x": [7]}))["x"].to_list() == [7.0]


def test_outside_the_range_with_and_without_clip(apply):
    train = pl.DataFrame({"x": [0.0, 10.0]})
    rows = pl.DataFrame({"x": [-5.0, 20.0, float("inf"), None, float("nan")]})
    assert apply(MinMax(), train, rows)["x"].to_list() == [-0.5, 2.0, None, None, None]
    assert apply(MinMax(clip=True), train, rows)["x"].to_list() == [0.0, 1.0, 1.0, None, None]


def test_a_range_that_overflows_is_refused():
    with pytest.raises(DataError, match=r"column 'x': `min_max` can't compute with numbers as large as these"):
        MinMax().fit(pl.LazyFrame({"x": [-1.7e308, 1.7e308]}))


def test_infinite_train_values_are_refused():
    with pytest.raises(DataError, match=r"`min_max` can't learn from infinite values"):
        MinMax().fit(pl.LazyFrame({"x": [1.0, float("inf")]}))


def test_a_range_has_to_rise(refused):
    assert "feature_range goes from 1.0 to 1.0: the first has to be below" in refused(MinMax, {"feature_range": [1, 1]})
    assert "at least 2 items" in refused(MinMax, {"feature_range": [1]})
