import numpy as np
import polars as pl
from sklearn.preprocessing import MaxAbsScaler

from recipeline_plugins.preprocessing.max_abs import MaxAbs


def test_numbers_are_those_of_scikit_learn(apply):
    rng = np.random.default_rng(0)
    train, others = rng.normal(5, 20, (200, 3)), rng.normal(5, 40, (100, 3))
    expected = MaxAbsScaler().fit(train).transform(others)
    made = apply(MaxAbs(), pl.DataFrame(train), pl.DataFrame(others))
    assert np.abs(made.to_numpy() - expected).max() < 1e-9


def test_zeros_stay_zeros_and_signs_stay(apply):
    made = apply(MaxAbs(), pl.DataFrame({"x": [0, -4, 2], "zeros": [0, 0, 0]}))
    assert made["x"].to_list() == [0.0, -1.0, 0.5]
    assert made["zeros"].to_list() == [0.0, 0.0, 0.0]


def test_missing_out_of_range_and_unlearnt(apply):
    train = pl.DataFrame({"x": [2.0, None], "none": pl.Series([None, None], dtype=pl.Float32)})
    rows = pl.DataFrame({"x": [None, float("nan"), 8.0, float("inf")], "none": [1.0, 2.0, 3.0, 4.0]})
    made = apply(MaxAbs(), train, rows)
    assert made["x"].to_list() == [None, None, 4.0, None]
    assert made["none"].to_list() == [1.0, 2.0, 3.0, 4.0]
