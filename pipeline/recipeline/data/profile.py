"""What the train rows look like, column by column: for readers of a run, and to hold serving data against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recipeline.data.cells import type_name
from recipeline.families.spec import Role

if TYPE_CHECKING:
    import polars as pl

TOP = 10
"""How many of a column's most frequent words are listed."""


def profile(rows: pl.LazyFrame, columns: Sequence[str], roles: Mapping[str, Role]) -> dict[str, dict[str, Any]]:
    """By column: role, type, missing values, and range or most frequent words. JSON-able.

    Args:
        rows: The train rows.
        columns: The columns to describe.
        roles: Role of each.
    """
    import polars as pl

    schema = rows.collect_schema()
    described: dict[str, dict[str, Any]] = {}
    for name in columns:
        figures = _figures(name, schema[name])
        # One column at a time: of all at once the whole table would be held in memory.
        found = rows.select(figure.alias(which) for which, figure in figures.items()).collect().row(0, named=True)
        entry: dict[str, Any] = {"role": roles[name], "type": type_name(schema[name]), **found}
        if roles[name] == "categorical" and schema[name] == pl.String:
            entry["top"] = _most_frequent(rows, name)
        described[name] = entry
    return described


def _figures(name: str, dtype: pl.DataType) -> dict[str, pl.Expr]:
    """What is counted and measured of a column of this type, in the order in which it is shown."""
    import polars as pl

    column = pl.col(name)
    figures = {"missing": column.null_count()}
    if dtype == pl.String:
        return figures | {"distinct": column.drop_nulls().n_unique()}
    if dtype.is_nested() or dtype == pl.Binary:
        return figures  # cells that are arrays have no order
    if dtype == pl.Boolean:
        return figures | {"true": column.sum()}
    if dtype.is_temporal():
        return figures | {"min": column.min().cast(pl.String), "max": column.max().cast(pl.String)}
    return figures | {"min": column.min(), "max": column.max(), "mean": column.mean()}


def _most_frequent(rows: pl.LazyFrame, name: str) -> dict[str, int]:
    """The most frequent words with their counts; of equally frequent ones the first in the alphabet."""
    import polars as pl

    words = rows.select(pl.col(name).drop_nulls().alias("word")).group_by("word").len("rows")
    top = words.sort(["rows", "word"], descending=[True, False]).head(TOP).collect()
    return dict(zip(top["word"].to_list(), top["rows"].to_list(), strict=True))
