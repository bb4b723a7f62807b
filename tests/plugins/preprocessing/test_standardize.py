import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import StandardScaler

from recipeline import DataError
from recipeline_plugins.preprocessing.standardize import Standardize


def test_numbers_are_those_of_scikit_learn(apply):
    rng = np.random.default_rng(0)
    train = rng.lognormal(3, 2, (500, 3))
    others = rng.lognormal(3, 2, (50, 3))
    expected = StandardScaler().fit(train).transform(others)
    made = apply(Standardize(), pl.DataFrame(train), pl.DataFrame(others))
    assert np.abs(made.to_numpy() - expected).max() < 1e-9


def test_a_large_offset_does_not_cost_the_spread(apply):
    made = apply(Standardize(), pl.DataFrame({"x": [1e9 + 1, 1e9 + 2, 1e9 + 3]}))
    assert made["x"].to_list() == pytest.approx([-(1.5**0.5), 0, 1.5**0.5], abs=1e-9)


@pytest.mark.parametrize("value", [0.1, 1e300, 0, -7, True, 2**62 + 1])
def test_a_constant_column_becomes_zeros(apply, value):
    made = apply(Standardize(), pl.DataFrame({"x": [value] * 7}))
    assert made["x"].to_list() == [0.0] * 7


def test_missing_values_are_not_learnt_from_and_stay_missing(apply):
    train = pl.DataFrame({"x": [1.0, None, 3.0, float("nan")]})
    assert apply(Standardize(), train)["x"].to_list() == [-1.0, None, 1.0, None]


def test_out_of_range_goes_on_and_infinity_becomes_missing(apply):
    rows = pl.DataFrame({"x": [101.0, float("inf"), float("-inf"), 1e308]})
    assert apply(Standardize(), pl.DataFrame({"x": [0.0, 2.0]}), rows)["x"].to_list() == [100.0, None, None, 1e308]


def test_a_column_without_train_values_stays_as_it_is(apply):
    train = pl.DataFrame({"x": pl.Series([None, None], dtype=pl.Float64)})
    assert apply(Standardize(), train, pl.DataFrame({"x": [5.0]}))["x"].to_list() == [5.0]


def test_the_state_is_mean_and_deviation_in_plain_python():
    state = Standardize().fit(pl.LazyFrame({"x": [1, 2, 3, 4]}))
    assert state == {"x": {"mean": 2.5, "scale": 1.25**0.5}}
    assert type(state["x"]["mean"]) is float


def test_infinite_train_values_are_refused():
    with pytest.raises(DataError, match=r"column 'x': `standardize` can't learn from infinite values .found 2 in the"):
        Standardize().fit(pl.LazyFrame({"x": [1.0, float("inf"), float("-inf")]}))


def test_numbers_that_overflow_are_refused():
    with pytest.raises(DataError, match=r"column 'x': `standardize` can't compute with numbers as large as these"):
        Standardize().fit(pl.LazyFrame({"x": [1e308, -1e308, 1e308]}))


def test_a_spread_too_small_to_divide_by_is_none(apply):
    made = apply(Standardize(), pl.DataFrame({"x": [0.0, 5e-324]}), pl.DataFrame({"x": [1.0]}))
    assert made["x"].to_list() == [1.0]


def test_every_column_that_holds_no_numbers_is_named():
    frame = pl.LazyFrame({"x": [1.0], "city": ["Rome"], "list": [[1]]})
    with pytest.raises(DataError) as caught:
        Standardize().fit(frame)
    assert str(caught.value) == (
        "column 'city': `standardize` can't work on a column of text. Choose number columns with `columns`, or convert "
        "it before: `cast`, `one_hot`, `ordinal`.\n"
        "column 'list': `standardize` can't work on a column of lists or objects. Choose number columns with "
        "`columns`, or convert it before: `cast`, `one_hot`, `ordinal`."
    )
