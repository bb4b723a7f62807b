"""What the columns handed to a step hold, in the words of a recipe, so that a step refuses what it can't work on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from recipeline import DataError, Preprocessing, Problem

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["number", "integer", "boolean", "text", "datetime", "time", "other", "empty"]
"""What a column holds, as far as a step has to know: its type in JSON, and dates.

`empty` is a column without a type, because not one value was seen.
"""

WORDS: dict[Kind, str] = {
    "number": "numbers",
    "integer": "whole numbers",
    "boolean": "true and false",
    "text": "text",
    "datetime": "dates",
    "time": "times or durations",
    "other": "lists or objects",
    "empty": "no value at all",
}

NUMBERS: tuple[Kind, ...] = ("number", "integer", "boolean", "empty")
"""What can be computed with: true and false count as 1 and 0."""

CATEGORIES: tuple[Kind, ...] = ("text", "integer", "number", "boolean", "datetime", "empty")
"""What can be told apart by its value."""


def kind_of(dtype: pl.DataType) -> Kind:
    """The kind that a polars type stands for."""
    import polars as pl

    if dtype == pl.Null:
        return "empty"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if dtype in (pl.Date, pl.Datetime):
        return "datetime"
    if dtype in (pl.Time, pl.Duration):
        return "time"
    return "other"


def require(step: Preprocessing, frame: pl.LazyFrame, allowed: Iterable[Kind], advice: str) -> dict[str, Kind]:
    """The kind of each column.

    Raises:
        DataError: a column is of none of the allowed kinds; all such columns are named, with the advice.
    """
    kinds = {name: kind_of(dtype) for name, dtype in frame.collect_schema().items()}
    wrong = [
        Problem(f"`{step.plugin_name}` can't work on a column of {WORDS[kind]}", field=name, suggestion=advice)
        for name, kind in kinds.items()
        if kind not in tuple(allowed)
    ]
    if wrong:
        raise DataError(*wrong)
    return kinds


def require_numbers(step: Preprocessing, frame: pl.LazyFrame) -> list[str]:
    """The columns' names, all of them numbers; raises as `require` does."""
    advice = "Choose number columns with `columns`, or convert it before: `cast`, `one_hot`, `ordinal`."
    return list(require(step, frame, NUMBERS, advice))


def is_missing(name: str, kind: Kind) -> pl.Expr:
    """Whether there is no value: null, and in a column of numbers NaN as well."""
    import polars as pl

    column = pl.col(name)
    if kind == "number":
        return column.is_null() | column.cast(pl.Float64, strict=False).is_nan().fill_null(False)
    return column.is_null()
