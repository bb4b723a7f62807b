"""Rows of one or several series in time, put on one calendar: every step of every series, with its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recipeline import DataError, Problem

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

MOST = 50_000_000
"""Steps that a calendar may have: beyond it stands a wrong unit, not a series."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_419_200, "q": 7_776_000, "y": 31_536_000}
"""The least seconds of each unit of time."""

DAYS = {28: "1mo", 29: "1mo", 30: "1mo", 31: "1mo", 90: "1q", 91: "1q", 92: "1q", 365: "1y", 366: "1y"}
"""Steps of the calendar that are not equally many days long."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of all series, one series after the other, each in the order of time."""

    calendar: pl.Series
    """The times that there are, in order."""
    groups: pl.Series | None
    """What each series is called, in order; None for one without a name."""
    number: np.ndarray
    """int64 (steps,): which series."""
    place: np.ndarray
    """int64 (steps,): which time of the calendar."""
    values: np.ndarray
    """float64 (steps, channels): NaN where there is no row, or no value."""


def cut_down(times: pl.Series, every: str) -> pl.Series:
    """The times cut down to whole units: to the hour, the day, the Monday, the first of the month."""
    if times.dtype.is_temporal():
        return times.dt.truncate(every)
    unit = int(every)
    return times // unit * unit


def lay_out(times: pl.Series, groups: pl.Series | None, values: np.ndarray, every: str | None, location: str) -> Steps:
    """Put rows in any order on one calendar.

    Its times are those at which any series has a row or, with `every`, all that lie a unit apart. Between its first
    and its last row each series has a step for each of them, so that a number of steps is the same stretch of time in
    all series.

    Raises:
        DataError: two rows of a series have one time, or there are far more steps than rows.
    """
    import numpy as np

    _refuse_twice(times, groups, every, location)
    calendar = times.unique().sort() if every is None else _all_between(times, every, location)
    names = None if groups is None else groups.unique().sort()
    number = np.zeros(len(times), np.int64) if names is None else _places(groups, names)
    place = _places(times, calendar)
    count = 1 if names is None else len(names)
    first, last = np.full(count, len(calendar)), np.full(count, -1)
    np.minimum.at(first, number, place)
    np.maximum.at(last, number, place)
    spans = last - first + 1
    if spans.sum() > max(MOST, 2 * len(times)):
        raise _too_many(int(spans.sum()), times, location)
    starts = np.cumsum(spans) - spans
    whole = np.full((int(spans.sum()), values.shape[1]), np.nan)
    whole[starts[number] + place - first[number]] = values
    series = np.repeat(np.arange(count), spans)
    places = np.arange(len(whole)) - starts[series] + first[series]
    return Steps(calendar, names, series, places, whole)


def _all_between(times: pl.Series, every: str, location: str) -> pl.Series:
    """All times from the first to the last, a unit apart."""
    import polars as pl

    first: Any = times.min()
    last: Any = times.max()
    if times.dtype.is_temporal():
        sign = every.lstrip("0123456789")
        unit = int(every.removesuffix(sign)) * SECONDS[sign]
        count = int((last - first).total_seconds() // unit) + 1
    else:
        unit = int(every)
        count = int((last - first) // unit) + 1
    if count > MOST:
        raise _too_many(count, times, location)
    if times.dtype == pl.Date:
        return pl.date_range(first, last, every, eager=True).alias(times.name)
    if times.dtype.is_temporal():
        return pl.datetime_range(first, last, every, eager=True).cast(times.dtype).alias(times.name)
    return pl.Series(times.name, [first + unit * step for step in range(count)]).cast(times.dtype)


def _too_many(steps: int, times: pl.Series, location: str) -> DataError:
    return DataError(
        Problem(
            "there would be far more steps than rows",
            file=location,
            field=times.name,
            found=f"{steps:,} steps, {len(times):,} rows",
            suggestion="Cut the times down to a coarser unit with every: 1h, 1d, ...",
        )
    )


def _places(values: pl.Series | None, ordered: pl.Series) -> np.ndarray:
    """Where each value stands among these."""
    import numpy as np

    assert values is not None
    found: np.ndarray = np.asarray(ordered.search_sorted(values), dtype=np.int64)
    return found


def _refuse_twice(times: pl.Series, groups: pl.Series | None, every: str | None, location: str) -> None:
    import polars as pl

    keys = pl.DataFrame([times.alias("time"), *([] if groups is None else [groups.alias("group")])])
    twice = (~keys.select(pl.struct(pl.all()).is_first_distinct()).to_series()).arg_true()
    if not len(twice):
        return
    row = twice[0]
    advice = "Keep one of them, or add them up."
    if every is not None:
        advice = f"Keep one of them, add them up, or set a finer unit than every: {every}."
    elif groups is None:
        advice += " If the table holds several series, name the column that tells them apart: group."
    more = f", and {len(twice) - 1:,} more rows" if len(twice) > 1 else ""
    raise DataError(
        Problem(
            "`windows` needs one row for each time" + ("" if groups is None else " of a series"),
            file=location,
            row=row + 1,
            field=times.name,
            found=f"{times[row]} a second time{'' if groups is None else f' for {groups[row]!r}'}{more}",
            suggestion=advice,
        )
    )


def uneven(times: pl.Series, groups: pl.Series | None) -> str | None:
    """What to tell of rows that are not equally far apart; None where they are, months and years included."""
    import polars as pl

    series = groups if groups is not None else pl.repeat(0, len(times), eager=True)
    apart = (
        pl.DataFrame([times.alias("time"), series.alias("series")])
        .sort("series", "time")
        .select("time", apart=pl.col("time").diff().over("series"))
        .drop_nulls()
    )
    if apart["apart"].n_unique() <= 1:
        return None
    if times.dtype.is_temporal():
        whole = apart["apart"].dt.total_days().unique()
        if len({DAYS.get(day) for day in whole} - {None}) == 1 and all(day in DAYS for day in whole):
            return None
    usual = apart["apart"].mode().sort()[0]
    widest = apart.sort("apart", descending=True, maintain_order=True).row(0, named=True)
    odd = apart.filter(pl.col("apart") != usual).height
    remedy = f"To have missing values where rows are missing, set every: {unit_of(usual)}."
    if odd > apart.height / 2:
        remedy = "To have steps of one length, set `every` to the unit that you forecast in."
    return (
        f"The times in '{times.name}' are not equally far apart: most often {_span(usual)}, but {odd:,} of "
        f"{apart.height:,} times another distance, at most {_span(widest['apart'])} (up to {widest['time']}). Each row "
        f"counts as one step. {remedy}"
    )


def _span(apart: Any) -> str:
    return str(apart).removesuffix(", 0:00:00")


def unit_of(apart: Any) -> str:
    """A difference of times as `every` would write it."""
    if not hasattr(apart, "total_seconds"):
        return str(max(1, int(apart)))
    seconds = int(apart.total_seconds())
    days, rest = divmod(seconds, 86_400)
    if not rest and days:
        return DAYS.get(days) or (f"{days // 7}w" if days % 7 == 0 else f"{days}d")
    for length, sign in ((3600, "h"), (60, "m")):
        if seconds % length == 0 and seconds:
            return f"{seconds // length}{sign}"
    return f"{max(1, seconds)}s"
