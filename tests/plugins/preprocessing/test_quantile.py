import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import QuantileTransformer

from recipeline_plugins.preprocessing.quantile import Quantile


@pytest.mark.parametrize("output", ["uniform", "normal"])
@pytest.mark.parametrize("n_quantiles", [2, 17, 400])
def test_numbers_are_those_of_scikit_learn(apply, output, n_quantiles):
    rng = np.random.default_rng(0)
    train = np.column_stack([rng.lognormal(0, 1, 400), rng.integers(0, 9, 400)])  # with and without repetitions
    others = np.column_stack([rng.lognormal(0, 1.5, 200), rng.integers(-1, 11, 200)])
    sklearn = QuantileTransformer(n_quantiles=n_quantiles, output_distribution=output, subsample=None).fit(train)
    made = apply(Quantile(n_quantiles=n_quantiles, output=output), pl.DataFrame(train), pl.DataFrame(others))
    np.testing.assert_allclose(made.to_numpy(), sklearn.transform(others), atol=1e-9)


def test_outside_the_train_range_is_the_nearer_end_and_missing_stays(apply):
    train = pl.DataFrame({"x": [1.0, 2.0, 3.0]})
    rows = pl.DataFrame({"x": [-5.0, 9.0, float("inf"), float("-inf"), None, float("nan"), 2.0]})
    assert apply(Quantile(), train, rows)["x"].to_list() == [0.0, 1.0, 1.0, 0.0, None, None, 0.5]
    bell = apply(Quantile(output="normal"), train, rows)["x"].to_list()
    assert bell == [-bell[1], pytest.approx(5.1993, abs=1e-4), bell[1], bell[0], None, None, 0.0]


def test_a_column_without_a_spread_is_the_middle(apply):
    train = pl.DataFrame({"same": [7, 7, None], "none": pl.Series([None] * 3, dtype=pl.Float64)})
    rows = pl.DataFrame({"same": [7, 8, None], "none": [1.0, 2.0, None]})
    assert apply(Quantile(), train, rows).rows() == [(0.5, 0.5), (0.5, 0.5), (None, None)]
    assert apply(Quantile(output="normal"), train, rows).rows() == [(0.0, 0.0), (0.0, 0.0), (None, None)]


def test_two_quantiles_at_least(refused):
    assert "greater than or equal to 2" in refused(Quantile, {"n_quantiles": 1})
