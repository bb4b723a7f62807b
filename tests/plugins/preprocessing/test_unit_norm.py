import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import Normalizer

from recipeline_plugins.preprocessing.unit_norm import UnitNorm


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_numbers_are_those_of_scikit_learn(apply, norm):
    values = np.random.default_rng(0).normal(0, 20, (100, 4))
    made = apply(UnitNorm(norm=norm), pl.DataFrame(values))
    np.testing.assert_allclose(made.to_numpy(), Normalizer(norm).transform(values), atol=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_zeros_stay_zeros(apply, norm):
    assert apply(UnitNorm(norm=norm), pl.DataFrame({"a": [0], "b": [0.0]})).row(0) == (0.0, 0.0)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_huge_and_tiny_rows_neither_overflow_nor_vanish(apply, size):
    made = apply(UnitNorm(), pl.DataFrame({"a": [3 * size], "b": [4 * size]}))
    assert made.row(0) == pytest.approx((0.6, 0.8))


def test_a_missing_value_stays_missing_and_counts_as_zero(apply):
    rows = pl.DataFrame({"a": [3.0] * 3, "b": [4.0] * 3, "c": [None, float("nan"), float("inf")]})
    for row in apply(UnitNorm(), rows).rows():
        assert row[:2] == pytest.approx((0.6, 0.8))
        assert row[2] is None


def test_a_row_of_missing_values_stays_one(apply):
    rows = pl.DataFrame({"a": [None], "b": [None]}, schema={"a": pl.Float64, "b": pl.Float64})
    assert apply(UnitNorm(), rows).row(0) == (None, None)


def test_only_known_norms(refused):
    assert "'l1', 'l2' or 'max'" in refused(UnitNorm, {"norm": "l3"})
