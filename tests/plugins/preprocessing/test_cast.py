from datetime import date, datetime

import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.cast import Cast


@pytest.mark.parametrize(
    ("to", "values", "expected"),
    [
        ("number", ["1.5", " -2 ", "1e3", None], [1.5, -2.0, 1000.0, None]),
        ("number", [True, False, None], [1.0, 0.0, None]),
        ("number", [1, 2**40], [1.0, 2.0**40]),
        ("number", [1.0, float("nan")], [1.0, None]),
        ("integer", ["9007199254740993", " 3.0", "-4"], [9007199254740993, 3, -4]),
        ("integer", [3.0, float("nan"), None], [3, None, None]),
        ("integer", [True, False], [1, 0]),
        ("text", [1, None], ["1", None]),
        ("text", [1.5, float("nan")], ["1.5", None]),
        ("text", [True], ["true"]),
        ("text", [date(2020, 1, 2)], ["2020-01-02"]),
        ("category", [90210, None], ["90210", None]),
        ("boolean", ["Yes", " n ", "TRUE", "off", "1", "0", None], [True, False, True, False, True, False, None]),
        ("boolean", [1, 0], [True, False]),
        ("boolean", [1.0, 0.0, float("nan")], [True, False, None]),
        ("datetime", [date(2020, 1, 2)], [datetime(2020, 1, 2)]),
    ],
)
def test_values_are_read_as_the_new_type(apply, to, values, expected):
    made = apply(Cast(to=to), pl.DataFrame({"x": values}))
    assert made["x"].to_list() == expected
    assert [type(value) for value in made["x"].to_list()] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-12-31", datetime(2020, 12, 31)),
        (" 2020-12-31 23:59 ", datetime(2020, 12, 31, 23, 59)),
        ("2020-12-31 23:59:58", datetime(2020, 12, 31, 23, 59, 58)),
        ("2020-12-31T23:59:58.25", datetime(2020, 12, 31, 23, 59, 58, 250000)),
        ("2020/12/31", datetime(2020, 12, 31)),
        ("2020-12-31T23:59:58Z", datetime(2020, 12, 31, 23, 59, 58)),
        ("2020-12-31T23:59:58+02:00", datetime(2020, 12, 31, 21, 59, 58)),
    ],
)
def test_dates_are_read_each_on_its_own(apply, text, moment):
    made = apply(Cast(to="datetime"), pl.DataFrame({"x": ["1999-01-01", text]}))
    assert made["x"].to_list() == [datetime(1999, 1, 1), moment]
    assert apply(Cast(to="datetime"), pl.DataFrame({"x": [text]}))["x"].to_list() == [moment]


def test_a_format_of_ones_own(apply):
    step = Cast(to="datetime", format="%d.%m.%Y")
    assert apply(step, pl.DataFrame({"x": ["31.12.2020"]}))["x"].to_list() == [datetime(2020, 12, 31)]
    zoned = Cast(to="datetime", format="%d.%m.%Y %H:%M %z")
    made = apply(zoned, pl.DataFrame({"x": ["31.12.2020 12:00 +0100"]}))
    assert made["x"].to_list() == [datetime(2020, 12, 31, 11)]


@pytest.mark.parametrize(
    ("to", "values", "found"),
    [
        ("number", ["1", "one", "two"], "'one', 2 such in the train rows"),
        ("integer", [1.0, 2.5], "2.5, 1 such in the train rows"),
        ("integer", [1e30], "1e[+]30, 1 such in the train rows"),
        ("boolean", ["yes", "maybe"], "'maybe', 1 such"),
        ("boolean", [0, 2], "2, 1 such"),
        ("datetime", ["2020-02-30"], "'2020-02-30', 1 such"),
    ],
)
def test_train_values_that_can_not_be_read_are_refused_unless_allowed(apply, to, values, found):
    frame = pl.DataFrame({"x": values})
    with pytest.raises(DataError, match=rf"column 'x': `cast` can't read this as {to} .found {found}"):
        Cast(to=to).fit(frame.lazy())
    assert apply(Cast(to=to, invalid="missing"), frame)["x"].null_count() >= 1


def test_what_can_not_be_read_at_serving_is_missing(apply):
    made = apply(Cast(to="number"), pl.DataFrame({"x": ["1"]}), pl.DataFrame({"x": ["n/a", None, "2"]}))
    assert made["x"].to_list() == [None, None, 2.0]


def test_dates_are_no_numbers_and_numbers_no_dates():
    with pytest.raises(DataError, match=r"`cast` can't read dates as number. Take its parts with `datetime_parts`."):
        Cast(to="number").fit(pl.LazyFrame({"x": [date(2020, 1, 1)]}))
    with pytest.raises(DataError, match=r"`cast` can't read whole numbers as datetime"):
        Cast(to="datetime").fit(pl.LazyFrame({"x": [1]}))


@pytest.mark.parametrize(
    ("to", "role"),
    [
        ("number", "numeric"),
        ("integer", "numeric"),
        ("text", "text"),
        ("category", "categorical"),
        ("boolean", "boolean"),
        ("datetime", "datetime"),
    ],
)
def test_the_role_follows_the_type_and_missing_types_are_settled(apply, to, role):
    assert Cast(to=to).new_role == role
    assert apply(Cast(to=to), pl.DataFrame({"x": [None]}))["x"].to_list() == [None]


def test_settings(refused):
    assert "Field required" in refused(Cast, {})
    assert "format belongs to to: datetime, but the new type is number" in refused(
        Cast, {"to": "number", "format": "%Y"}
    )
