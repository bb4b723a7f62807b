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
    figures = []
    for name in columns:
        column = pl.col(name)
        figures.append(column.null_count().alias(f"missing:{name}"))
        if schema[name] == pl.String:
            figures.append(column.drop_nulls().n_unique().alias(f"distinct:{name}"))
        elif schema[name].is_nested() or schema[name] == pl.Binary:
            continue  # cells that are arrays have no order
        elif schema[name] == pl.Boolean:
            figures.append(column.sum().alias(f"true:{name}"))
        else:
            ends = {"min": column.min(), "max": column.max()}
            dated = schema[name].is_temporal()
            figures += [(end.cast(pl.String) if dated else end).alias(f"{which}:{name}") for which, end in ends.items()]
            figures += [] if dated else [column.mean().alias(f"mean:{name}")]
    found = rows.select(figures).collect().row(0, named=True) if figures else {}
    described: dict[str, dict[str, Any]] = {}
    for name in columns:
        entry: dict[str, Any] = {"role": roles[name], "type": type_name(schema[name])}
        for figure in ("missing", "distinct", "true", "min", "max", "mean"):
            if f"{figure}:{name}" in found:
                entry[figure] = found[f"{figure}:{name}"]
        if roles[name] == "categorical" and schema[name] == pl.String:
            entry["top"] = _most_frequent(rows, name)
        described[name] = entry
    return described


def _most_frequent(rows: pl.LazyFrame, name: str) -> dict[str, int]:
    """The most frequent words with their counts; of equally frequent ones the first in the alphabet."""
    import polars as pl

    words = rows.select(pl.col(name).drop_nulls().alias("word")).group_by("word").len("rows")
    top = words.sort(["rows", "word"], descending=[True, False]).head(TOP).collect()
    return dict(zip(top["word"].to_list(), top["rows"].to_list(), strict=True))
