from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer

from recipeline import DataError
from recipeline_plugins.preprocessing.impute import Impute

NAN = float("nan")


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_numbers_are_those_of_scikit_learn(apply, strategy):
    rng = np.random.default_rng(0)
    train = rng.integers(0, 9, (300, 3)) + 0.25
    train[rng.random(train.shape) < 0.2] = np.nan
    expected = SimpleImputer(strategy=strategy).fit_transform(train)
    made = apply(Impute(strategy=strategy), pl.DataFrame(train))
    np.testing.assert_allclose(made.to_numpy(), expected, rtol=1e-12)


def test_auto_is_the_median_of_numbers_and_the_most_frequent_of_everything_else(apply):
    train = pl.DataFrame(
        {
            "x": [1.0, NAN, 2.0, None, 30.0],
            "n": [1, 2, None, None, 30],
            "s": ["b", "b", "a", None, None],
            "flag": [True, False, True, None, None],
            "day": [date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 2), None, None],
        }
    )
    made = apply(Impute(), train)
    assert made["x"].to_list() == [1, 2, 2, 2, 30]
    assert made["n"].to_list() == [1, 2, 2, 2, 30]
    assert made["s"].to_list() == ["b", "b", "a", "b", "b"]
    assert made["flag"].to_list() == [True, False, True, True, True]
    assert made["day"].to_list()[3:] == [date(2020, 1, 2)] * 2
    assert made.dtypes == [pl.Float64, pl.Float64, pl.String, pl.Boolean, pl.Date]


@pytest.mark.parametrize(
    ("values", "least"),
    [(["b", "a", None], "a"), ([3, 2, 3, 2, None], 2), ([False, True, None], False), ([2.5, -1.0, None], -1.0)],
)
def test_of_equally_frequent_values_the_least_is_taken(apply, values, least):
    made = apply(Impute(strategy="most_frequent"), pl.DataFrame({"x": values}))
    assert made["x"].to_list()[-1] == least
    assert made["x"].dtype == pl.DataFrame({"x": values})["x"].dtype


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_keep_their_unit_and_zone(apply, unit, zone):
    moment = datetime(2020, 6, 1, 12, 30, tzinfo=ZoneInfo(zone) if zone else None)
    frame = pl.DataFrame({"t": pl.Series([moment, None], dtype=pl.Datetime(unit, zone))})
    made = apply(Impute(), frame)
    assert made["t"].to_list() == [moment, moment]
    assert made.schema == frame.schema


@pytest.mark.parametrize(
    ("values", "fill", "expected", "dtype"),
    [
        ([1.5, None, NAN], 0, [1.5, 0.0, 0.0], pl.Float64),
        ([1, None], 7, [1, 7], pl.Int64),
        ([1, None], 0.5, [1.0, 0.5], pl.Float64),
        (["a", None], "none", ["a", "none"], pl.String),
        ([True, None], False, [True, False], pl.Boolean),
        ([None, None], "none", ["none", "none"], pl.String),
        ([None, None], 3, [3, 3], pl.Int64),
    ],
)
def test_a_constant_of_the_columns_type(apply, values, fill, expected, dtype):
    made = apply(Impute(strategy="constant", value=fill), pl.DataFrame({"x": values}))
    assert made["x"].to_list() == expected
    assert made["x"].dtype == dtype


@pytest.mark.parametrize(
    ("values", "fill", "kind"),
    [([1.0], "x", "numbers"), (["a"], 1, "text"), ([True], 1, "true and false"), ([1], True, "whole numbers")],
)
def test_a_constant_of_another_type_is_refused(values, fill, kind):
    with pytest.raises(DataError, match=rf"column 'x': `impute` can't fill a column of {kind} with this value .found"):
        Impute(strategy="constant", value=fill).fit(pl.LazyFrame({"x": values}))


def test_an_indicator_for_columns_with_gaps_in_the_train_rows(apply):
    train = pl.DataFrame({"x": [1.0, NAN], "y": [1.0, 2.0], "s": [None, "a"]})
    rows = pl.DataFrame({"x": [NAN, 5.0], "y": [None, 5.0], "s": ["new", None]})
    made = apply(Impute(indicator=True), train, rows)
    assert made.columns == ["x", "y", "s", "x_missing", "s_missing"]
    assert made.rows() == [(1.0, 1.5, "new", True, False), (5.0, 5.0, "a", False, True)]
    assert made["x_missing"].dtype == pl.Boolean


def test_at_serving_a_column_without_gaps_in_training_is_filled_too(apply):
    made = apply(Impute(), pl.DataFrame({"x": [1.0, 2.0, 9.0]}), pl.DataFrame({"x": [None, NAN, 4.0]}))
    assert made["x"].to_list() == [2.0, 2.0, 4.0]


@pytest.mark.parametrize("values", [[None, NAN], [None, None]])
def test_nothing_to_learn_from_is_refused(values):
    with pytest.raises(DataError) as caught:
        Impute(strategy="mean").fit(pl.LazyFrame({"x": pl.Series(values), "y": pl.Series([1.0, 2.0])}))
    assert str(caught.value) == (
        "column 'x': `impute` finds no value in the train rows, so there is no mean one to fill with. Leave the column "
        "out with `drop_columns`, or write strategy: constant."
    )


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_words_have_no_mean(strategy):
    with pytest.raises(DataError, match=rf"column 's': `impute` can't take the {strategy} of a column of text"):
        Impute(strategy=strategy).fit(pl.LazyFrame({"x": [1.0], "s": ["a"]}))


def test_lists_and_durations_are_left_as_they_are(apply):
    frame = pl.DataFrame({"l": [[1], None], "d": pl.Series([1, None]).cast(pl.Duration("us"))})
    assert apply(Impute(indicator=True), frame).equals(frame)


def test_big_integers_keep_their_digits(apply):
    big = 2**63 + 12345
    frame = pl.DataFrame({"x": pl.Series([big, None], dtype=pl.UInt64)})
    assert apply(Impute(strategy="most_frequent"), frame)["x"].to_list() == [big, big]


def test_settings(refused):
    assert "strategy: constant needs a `value` to fill with" in refused(Impute, {"strategy": "constant"})
    assert "value belongs to strategy: constant, but the strategy is mean" in refused(
        Impute, {"strategy": "mean", "value": 1}
    )
    assert "'median'" in refused(Impute, {"strategy": "medain"})
