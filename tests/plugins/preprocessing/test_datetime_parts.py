from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.datetime_parts import CYCLES, DatetimeParts

ALL = ["year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second", "elapsed_days"]


def test_parts_of_a_moment(apply):
    made = apply(DatetimeParts(parts=ALL), pl.DataFrame({"t": [datetime(2020, 12, 31, 18, 30, 15)]}))
    assert made.columns == [f"t_{part}" for part in ALL]
    assert made.row(0)[:-1] == (2020, 4, 12, 53, 31, 366, 4, 18, 30, 15)
    assert made.row(0)[-1] == pytest.approx(18627 + (18 * 3600 + 30 * 60 + 15) / 86400, rel=1e-15)
    assert set(made.dtypes) == {pl.Float64}


def test_a_date_has_no_clock(apply):
    made = apply(DatetimeParts(), pl.DataFrame({"t": [date(1970, 1, 5)], "u": [datetime(1970, 1, 5, 3)]}))
    assert made.columns == [
        *("t_year", "t_month", "t_day", "t_weekday"),
        *("u_year", "u_month", "u_day", "u_weekday", "u_hour"),
    ]
    assert made.row(0) == (1970, 1, 5, 1, 1970, 1, 5, 1, 3)


def test_cycles_close(apply):
    moments = [datetime(2020, 1, 1), datetime(2020, 7, 1, 12)]
    made = apply(DatetimeParts(parts=["year", "month", "hour"], cyclic=True), pl.DataFrame({"t": moments}))
    assert made.columns == ["t_year", "t_month_sin", "t_month_cos", "t_hour_sin", "t_hour_cos"]
    np.testing.assert_allclose(made.to_numpy(), [[2020, 0, 1, 0, 1], [2020, 0, -1, 0, -1]], atol=1e-12)


@pytest.mark.parametrize(("part", "last"), [("month", 12), ("weekday", 7), ("hour", 23), ("second", 59)])
def test_the_step_from_the_last_to_the_first_is_like_any_other(part, last):
    first, length = CYCLES[part]
    assert last - first == length - 1


def test_a_missing_moment_has_no_parts_and_any_other_moment_has(apply):
    rows = pl.DataFrame({"t": [None, datetime(1600, 2, 29)]})
    made = apply(DatetimeParts(parts=["year", "month"], cyclic=True), pl.DataFrame({"t": [datetime(2020, 1, 1)]}), rows)
    assert made.row(0) == (None, None, None)
    assert made.row(1)[0] == 1600


def test_text_is_refused_with_the_way_to_go():
    with pytest.raises(DataError) as caught:
        DatetimeParts().fit(pl.LazyFrame({"t": ["2020-01-01"]}))
    assert str(caught.value) == (
        "column 't': `datetime_parts` can't work on a column of text. Read it as a date with `cast` (to: datetime) "
        "before."
    )


def test_settings(refused):
    assert "parts names day twice" in refused(DatetimeParts, {"parts": ["day", "day"]})
    assert "at least 1 item" in refused(DatetimeParts, {"parts": []})
    assert "'year'" in refused(DatetimeParts, {"parts": ["century"]})
