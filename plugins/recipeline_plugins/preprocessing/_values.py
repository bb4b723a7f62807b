"""A value in a recipe, in a column and in JSON: one and the same in all three."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from recipeline_plugins.preprocessing._column_types import Kind

if TYPE_CHECKING:
    import polars as pl

Scalar = str | int | float | bool
"""A category's value as JSON keeps it."""

Storage = Literal["String", "Int64", "Int128", "Float64", "Boolean"]
"""The polars type that a column's values are compared in. Dates are compared as ISO text."""


def storage(kind: Kind, dtype: pl.DataType) -> Storage:
    """The type to compare a column's values in, without loss."""
    import polars as pl

    if kind == "integer":
        return "Int128" if dtype in (pl.UInt64, pl.Int128, pl.UInt128) else "Int64"
    if kind == "number":
        return "Float64"
    return "Boolean" if kind == "boolean" else "String"


def storage_of(value: Scalar) -> Storage:
    """The type that holds this one value."""
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Int64" if -(2**63) <= value < 2**63 else "Int128"
    return "Float64" if isinstance(value, float) else "String"


def typed(name: str, stored: Storage) -> pl.Expr:
    """A column in that type: null where the value is missing, or is none of that type."""
    import polars as pl

    cast = pl.col(name).cast(polars_type(stored), strict=False)
    return cast.fill_nan(None) if stored == "Float64" else cast


def polars_type(stored: Storage) -> type[pl.DataType]:
    """The polars class of that name."""
    import polars as pl

    found: type[pl.DataType] = getattr(pl, stored)
    return found


def spelled(value: Scalar) -> str:
    """A value as a recipe spells it: true and not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parsed(text: str, stored: Storage) -> Scalar | None:
    """The value of that type which a recipe spells so; None when there is none."""
    if stored == "String":
        return text
    if stored == "Boolean":
        return {"true": True, "false": False}.get(text.lower())
    try:
        if stored == "Float64":
            number = float(text)
            return None if math.isnan(number) else number
        whole = int(text) if text.lstrip("+-").isdecimal() else _whole(float(text))
    except ValueError:
        return None
    bits = 127 if stored == "Int128" else 63
    return whole if whole is not None and -(2**bits) <= whole < 2**bits else None


def _whole(number: float) -> int | None:
    return int(number) if number.is_integer() else None
