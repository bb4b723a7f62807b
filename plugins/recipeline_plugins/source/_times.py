"""Times as a table of a series holds them: dates, numbers, or words that mean one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import DataError, Problem

if TYPE_CHECKING:
    import polars as pl

DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
MOMENTS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y/%m/%dT%H:%M:%S%.f", "%Y/%m/%dT%H:%M")
ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")


def read_times(column: pl.Series, form: str | None, location: str) -> pl.Series:
    """The times of a column, of one type: numbers as they are, moments in UTC.

    Args:
        column: Dates, numbers or words.
        form: How words are written, as in strftime; None for ISO 8601.
        location: What errors call the rows.

    Raises:
        DataError: a row has none, or words that mean none.
    """
    import polars as pl

    if form is not None and column.dtype.is_integer():  # 20240131
        column = column.cast(pl.String)
    times = column
    if column.dtype == pl.String:
        times = _as_written(column, form) if form is not None else _iso(column)
    elif isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        times = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if times.dtype.is_float():
        times = times.fill_nan(None)
    missing = times.is_null().arg_true()
    if not len(missing):
        return times.alias(column.name)
    given = column[missing[0]]
    more = f", and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    advice = "Write dates such as 2024-01-31, or numbers, or say how they are written: time_format: '%d.%m.%Y'."
    if form is not None and given is not None:
        advice = f"Expected dates such as {_example(form)}: that is time_format {form!r}."
    elif given is None:
        advice = "Fill it in, or take such rows out of the data."
    raise DataError(
        Problem(
            "`windows` needs a time in every row",
            file=location,
            row=missing[0] + 1,
            field=column.name,
            found=("nothing" if given is None else repr(given)) + more,
            suggestion=advice,
        )
    )


def _iso(column: pl.Series) -> pl.Series:
    """Words in ISO 8601, with or without a time of day and a zone; null where they aren't."""
    import polars as pl

    text = column.str.strip_chars().str.replace(" ", "T", literal=True).str.replace(r"Z$", "+00:00")
    month = pl.Series(text).str.replace(r"^(\d{4}-\d{2})$", "$1-01")
    found = [month.str.to_datetime(form, strict=False, time_unit="us") for form in (*DATES, *MOMENTS)]
    for form in ZONED:
        zoned = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
        found.append(zoned.dt.replace_time_zone(None))
    return pl.select(pl.coalesce(found)).to_series()


def _as_written(column: pl.Series, form: str) -> pl.Series:
    """Words in this form; null where they aren't.

    Raises:
        DataError: this is no form of a date.
    """
    import polars as pl

    text = column.str.strip_chars()
    try:
        if "%z" in form or "%#z" in form:
            return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC").dt.replace_time_zone(None)
        if not any(sign in form for sign in ("%d", "%j", "%e", "%D", "%F", "%s", "%x", "%c")):  # months, years
            return ("01 " + text).str.to_datetime(f"%d {form}", strict=False, time_unit="us")
        return text.str.to_datetime(form, strict=False, time_unit="us")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            Problem(
                "this is no form of a date, as in strftime",
                path="data.source.time_format",
                found=repr(form),
                suggestion="For instance '%d.%m.%Y' for 31.12.2024, '%m/%d/%Y %H:%M' for 12/31/2024 18:30.",
            )
        ) from error


def _example(form: str) -> str:
    from datetime import UTC, datetime

    try:
        return datetime(2024, 12, 31, 18, 30, tzinfo=UTC).strftime(form)
    except ValueError:
        return form
