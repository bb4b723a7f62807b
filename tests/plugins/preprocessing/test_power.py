import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.preprocessing import PowerTransformer

from recipeline import DataError
from recipeline_plugins.preprocessing.power import Power, yeo_johnson


@pytest.mark.parametrize("standardize", [True, False])
def test_numbers_are_those_of_scikit_learn(apply, standardize):
    rng = np.random.default_rng(0)
    train = np.column_stack([rng.lognormal(1, 1, 300), rng.normal(-3, 2, 300), -rng.exponential(2, 300)])
    others = train[::-3] * 1.1
    expected = PowerTransformer(standardize=standardize).fit(train).transform(others)
    made = apply(Power(standardize=standardize), pl.DataFrame(train), pl.DataFrame(others))
    np.testing.assert_allclose(made.to_numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("exponent", [-2.0, -1e-9, 0.0, 1e-9, 1e-6, 0.5, 1.0, 2.0 - 1e-9, 2.0, 3.0])
def test_the_curve_is_scipys_near_its_limits_too(exponent):
    values = np.array([-1000.0, -1.0, -1e-8, 0.0, 1e-8, 0.5, 1000.0])
    made = pl.DataFrame({"x": values}).select(yeo_johnson(pl.col("x"), exponent))["x"].to_numpy()
    np.testing.assert_allclose(made, stats.yeojohnson(values, exponent), rtol=1e-9, atol=1e-300)


def test_constant_single_and_missing_columns_follow_the_straight_line(apply):
    train = pl.DataFrame({"same": [4.0, 4.0], "none": pl.Series([None, None], dtype=pl.Float64), "one": [None, -2]})
    made = apply(Power(), train)
    assert made["same"].to_list() == [0.0, 0.0]
    assert made["none"].to_list() == [None, None]
    assert made["one"].to_list() == [None, 0.0]


def test_missing_stays_missing_and_nothing_becomes_infinite(apply):
    train = pl.DataFrame({"x": (-np.random.default_rng(0).exponential(2, 200)).tolist()})  # λ far above 1
    rows = pl.DataFrame({"x": [None, float("nan"), float("inf"), 1e200, -3.0]})
    made = apply(Power(), train, rows)["x"].to_list()
    assert made[:4] == [None, None, None, None]
    assert made[4] is not None


def test_numbers_too_large_for_the_search_are_refused():
    with pytest.raises(DataError, match=r"column 'x': `power` can't compute with numbers as large as these"):
        Power().fit(pl.LazyFrame({"x": [0.0, -1e145]}))


def test_infinite_train_values_are_refused():
    with pytest.raises(DataError, match=r"`power` can't learn from infinite values .found 1 in the train rows"):
        Power().fit(pl.LazyFrame({"x": [1.0, float("inf")]}))
