"""Cells as JSON and CSV carry them, to the types that a table has; what can't be is named by row and column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from recipeline.data import arrays
from recipeline.errors import DataError, Problem
from recipeline.families.source import Source

if TYPE_CHECKING:
    import polars as pl

EXPECTED = {
    "Int64": "a number",
    "Float64": "a number",
    "Boolean": "true or false",
    "String": "words",
    "Date": "a date such as 2024-01-31",
    "Datetime": "a time such as 2024-01-31T12:00:00",
    "Binary": "bytes",
}
"""Each type of a table's plain cells, in words."""

IMAGE = "an image: the path of a file, its bytes (as base64 in text), or its numbers in nested lists"


def type_name(dtype: pl.DataType) -> str:
    """A table's type as text: `Int64`, `String`, ..., or `Array(UInt8, 28, 28)` and `List(Float64)`."""
    return arrays.spelled(dtype)


def in_words(type_text: str, *, image: bool = False) -> str:
    """What a column of this type holds, for a reader."""
    if image:
        return IMAGE
    return arrays.in_words(type_text) if arrays.is_spelled(type_text) else EXPECTED[type_text]


def cast(frame: pl.DataFrame, types: Mapping[str, str], location: str, images: Collection[str] = ()) -> pl.DataFrame:
    """These columns of the frame in these types, in this order.

    A whole number is expected where the source had whole numbers, but a fraction is no error: the column becomes one
    of fractions. NaN, the empty cell and the usual words for it are missing values. Images may come as paths, bytes
    or numbers, whatever the source had.

    Args:
        frame: The cells.
        types: Each column's type as `type_name` spells it.
        location: What errors call the rows.
        images: The columns of images.

    Raises:
        DataError: a cell can't be what it should be.
    """
    import polars as pl

    columns = []
    problems = []
    for name, expected in types.items():
        given = frame.get_column(name)
        made = arrays.image_cells(given, expected) if name in images else _cast(given, expected)
        lost = made.is_null() & ~_missing(given, expected)
        if lost.any():
            row = lost.arg_true()[0]
            problems.append(
                Problem(
                    f"expected {in_words(expected, image=name in images)}",
                    file=location,
                    row=row + 1,
                    field=name,
                    found=_short(given[row]),
                )
            )
        columns.append(made)
    if problems:
        raise DataError(*problems)
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=frame.height)


def _short(cell: object) -> str:
    """A cell for a message: arrays are long."""
    text = repr(cell if not hasattr(cell, "to_list") else cell.to_list())
    return text if len(text) <= 200 else f"{text[:200]}..."


def _missing(given: pl.Series, expected: str) -> pl.Series:
    import polars as pl

    if given.dtype.is_float():
        return given.is_null() | given.is_nan()
    if given.dtype == pl.String:
        words = [""] if expected == "String" else ["", *Source.missing_words]
        return given.is_null() | given.str.strip_chars().is_in(words)
    return given.is_null()


def _cast(given: pl.Series, expected: str) -> pl.Series:
    import polars as pl

    if arrays.is_spelled(expected):
        return arrays.from_cells(given, expected)
    if expected == "Binary":
        return given if given.dtype == pl.Binary else pl.Series(given.name, [None] * len(given), dtype=pl.Binary)
    if given.dtype == pl.Object:
        given = pl.Series(given.name, [None if cell is None else str(cell) for cell in given], dtype=pl.String)
    if given.dtype.is_float():
        given = given.fill_nan(None)
    if given.dtype in (pl.Categorical, pl.Enum):
        given = given.cast(pl.String)
    if given.dtype.is_nested() or given.dtype == pl.Binary:
        return pl.Series(given.name, [None] * len(given), dtype=pl.String)
    if expected in ("Int64", "Float64"):
        return _numbers(given, expected)
    if expected == "Boolean":
        return _booleans(given)
    if expected == "String":
        return _words(given)
    return _times(given, pl.Date() if expected == "Date" else pl.Datetime("us"))


def _numbers(given: pl.Series, expected: str) -> pl.Series:
    import polars as pl

    if given.dtype.is_temporal():
        return pl.Series(given.name, [None] * len(given), dtype=pl.Float64)
    if given.dtype == pl.String:
        given = given.str.strip_chars()
    if expected == "Int64":
        whole = given.cast(pl.Int64, strict=False)
        fractions = given.cast(pl.Float64, strict=False).fill_nan(None)
        if whole.null_count() == fractions.null_count() and (whole.cast(pl.Float64).eq_missing(fractions)).all():
            return whole
        return fractions
    return given.cast(pl.Float64, strict=False).fill_nan(None)


def _booleans(given: pl.Series) -> pl.Series:
    import polars as pl

    if given.dtype == pl.String:
        words = given.str.strip_chars().str.to_lowercase()
        return words.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    if given.dtype.is_numeric():
        numbers = given.cast(pl.Float64)
        return numbers.replace_strict({0.0: False, 1.0: True}, default=None, return_dtype=pl.Boolean)
    return given if given.dtype == pl.Boolean else pl.Series(given.name, [None] * len(given), dtype=pl.Boolean)


def _words(given: pl.Series) -> pl.Series:
    import polars as pl

    if given.dtype.is_float() and given.drop_nulls().eq(given.drop_nulls().round()).all():
        # 12345.0 is what pandas makes of 12345 when another cell of the column is missing.
        given = given.cast(pl.Int64, strict=False)
    words = given.cast(pl.String)
    return words.set(words == "", None) if words.eq("").any() else words


def _times(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    import polars as pl

    if given.dtype == pl.String:
        text = given.str.strip_chars().str.replace(" ", "T", literal=True)
        day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        moment = text.str.replace("Z$", "").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
        minute = text.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", strict=False)
        return moment.fill_null(minute).fill_null(day).cast(dtype)
    if isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone is not None:
        given = given.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if given.dtype.is_temporal() and given.dtype not in (pl.Duration, pl.Time):
        return given.cast(dtype)
    return pl.Series(given.name, [None] * len(given), dtype=dtype)
