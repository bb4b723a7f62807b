import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import RobustScaler

from recipeline_plugins.preprocessing.robust import Robust


@pytest.mark.parametrize(("lower", "upper"), [(0.25, 0.75), (0.0, 1.0), (0.1, 0.65)])
def test_numbers_are_those_of_scikit_learn(apply, lower, upper):
    rng = np.random.default_rng(0)
    train, others = rng.standard_cauchy((201, 3)), rng.standard_cauchy((100, 3))
    expected = RobustScaler(quantile_range=(lower * 100, upper * 100)).fit(train).transform(others)
    made = apply(Robust(lower=lower, upper=upper), pl.DataFrame(train), pl.DataFrame(others))
    assert np.abs(made.to_numpy() - expected).max() < 1e-9 * max(1, np.abs(expected).max())


def test_an_outlier_moves_nothing(apply):
    calm = apply(Robust(), pl.DataFrame({"x": [1.0, 2, 3, 4, 5]}))
    wild = apply(Robust(), pl.DataFrame({"x": [1.0, 2, 3, 4, 5e9]}))
    assert calm["x"].to_list()[:4] == wild["x"].to_list()[:4] == [-1.0, -0.5, 0.0, 0.5]


def test_without_a_range_the_column_is_only_centred(apply):
    made = apply(Robust(), pl.DataFrame({"x": [3, 3, 3, 3, 9]}))
    assert made["x"].to_list() == [0.0, 0.0, 0.0, 0.0, 6.0]


def test_missing_values_out_of_range_and_unlearnt(apply):
    train = pl.DataFrame({"x": [1.0, 2.0, 3.0, None], "none": pl.Series([None] * 4, dtype=pl.Float64)})
    rows = pl.DataFrame({"x": [None, float("nan"), 102.0, float("-inf")], "none": [1.0, 2.0, 3.0, 4.0]})
    made = apply(Robust(), train, rows)
    assert made["x"].to_list() == [None, None, 100.0, None]
    assert made["none"].to_list() == [1.0, 2.0, 3.0, 4.0]


def test_lower_has_to_be_below_upper(refused):
    assert "lower is 0.8 and upper 0.75: lower has to be below upper" in refused(Robust, {"lower": 0.8})
    assert "less than or equal to 1" in refused(Robust, {"upper": 75})
