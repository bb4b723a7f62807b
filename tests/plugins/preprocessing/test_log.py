import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.log import Log


def test_it_is_the_logarithm_of_one_plus_x(apply):
    values = np.array([0.0, 1e-12, 1.0, 1e9, -0.5])
    made = apply(Log(), pl.DataFrame({"x": values}))
    np.testing.assert_allclose(made["x"].to_numpy(), np.log1p(values), rtol=1e-15)


def test_a_shift_comes_first(apply):
    assert apply(Log(shift=10), pl.DataFrame({"x": [-10, 0]}))["x"].to_list() == [0.0, np.log1p(10)]


def test_mirror_is_the_same_curve_downwards(apply):
    made = apply(Log(negative="mirror"), pl.DataFrame({"x": [-9.0, 0.0, 9.0, float("nan")]}))
    assert made["x"].to_list() == [-np.log(10), 0.0, np.log(10), None]


def test_train_values_outside_the_domain_are_refused():
    with pytest.raises(DataError) as caught:
        Log(shift=1).fit(pl.LazyFrame({"x": [5.0, -2.0], "y": [0.0, 1.0]}))
    assert str(caught.value) == (
        "column 'x': `log` needs values above -2 (found -2 in the train rows). Set a larger `shift`, write negative: "
        "mirror, or use the step `power`."
    )


def test_outside_the_domain_at_serving_is_the_least_train_value(apply):
    rows = pl.DataFrame({"x": [-1.0, -50.0, None, float("nan"), float("inf"), float("-inf")]})
    made = apply(Log(), pl.DataFrame({"x": [3.0, 4.0]}), rows)
    assert made["x"].to_list() == [np.log1p(3.0), np.log1p(3.0), None, None, None, None]


def test_outside_the_domain_of_a_column_without_train_values_is_missing(apply):
    train = pl.DataFrame({"x": pl.Series([None], dtype=pl.Float64)})
    assert apply(Log(), train, pl.DataFrame({"x": [-1.0, 0.0]}))["x"].to_list() == [None, 0.0]


def test_only_the_two_ways_are_known(refused):
    assert "'refuse' or 'mirror'" in refused(Log, {"negative": "abs"})
