"""How often each value of a column occurs, in memory for the different values rather than for all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 131_072
"""Rows that are counted at a time."""
TOGETHER = 262_144
"""Values with their counts that gather before those of the same value are added up."""


def counted(frame: pl.LazyFrame, columns: Mapping[str, pl.Expr]) -> dict[str, pl.DataFrame]:
    """`value` and `count` of each column, sorted by value; a missing one has its count too, first.

    Args:
        frame: The train rows.
        columns: What is counted, by any names.
    """
    import polars as pl

    picked = frame.select(expression.alias(name) for name, expression in columns.items())
    schema = picked.collect_schema()
    counts = {
        name: [pl.DataFrame(schema={"value": schema[name], "count": pl.Int64})] for name in columns
    }  # as it is for no rows
    gathered = dict.fromkeys(columns, 0)
    for batch in (
        picked.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming") if columns else ()
    ):
        for name in columns:
            here = batch[name].alias("value").value_counts(name="count").with_columns(pl.col("count").cast(pl.Int64))
            counts[name].append(here)
            gathered[name] += here.height
            if gathered[name] > TOGETHER:
                counts[name] = [_joined(counts[name])]
                gathered[name] = 0
    return {name: _joined(parts).sort("value") for name, parts in counts.items()}


def _joined(counts: list[pl.DataFrame]) -> pl.DataFrame:
    """Each value once."""
    import polars as pl

    return pl.concat(counts).group_by("value").agg(pl.col("count").sum())
