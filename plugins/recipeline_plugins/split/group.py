"""`group`: rows that belong together stay together."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import DataError, Problem
from recipeline_plugins.split._shares import PARTS, SharesSplit, counts, refuse_missing

if TYPE_CHECKING:
    import polars as pl


class GroupSplit(SharesSplit, name="group"):
    """Give all rows of a group the same part: the same patient in train and test would be judged by memory.

    Groups are drawn by lot within each size, the large ones first, each to the part that lacks most rows, so
    that the sizes come as near to the shares as the groups allow. The group's column is not shown to the model.

    Roberts et al. 2017, Cross-Validation Strategies for Data with Temporal, Spatial, Hierarchical, or Phylogenetic
    Structure.
    """

    example = """
        data:
          source: {type: csv, path: visits.csv}
          target: diagnosis
          split: {type: group, column: patient, train: 0.6, validation: 0.2, test: 0.2}
    """

    column: str = Field(min_length=1)
    """The column whose equal values make a group."""
    seed: int | None = Field(default=None, ge=0)
    """The seed of the lot; by default the recipe's. Give it to keep the parts while the recipe's seed changes."""

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The group's column."""
        return (self.column,)

    def hides(self) -> tuple[str, ...]:
        """The group's column: a new group has a value that training never saw."""
        return (self.column,)

    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """The part of each row's group."""
        import numpy as np
        import polars as pl

        column = rows[self.column]
        refuse_missing(column, self)
        groups = column.rank("dense").cast(pl.Int64).to_numpy() - 1
        sizes = np.bincount(groups) if len(groups) else np.zeros(0, dtype=np.int64)
        wanted = {number for number, part in enumerate(PARTS) if self.has(part)}
        if len(sizes) < len(wanted):
            raise DataError(
                Problem(
                    f"{len(wanted)} parts need at least {len(wanted)} groups",
                    field=self.column,
                    found=str(len(sizes)),
                    suggestion="Choose another column, or set the share of a part to 0.",
                )
            )
        lots = np.random.Generator(np.random.PCG64(seed if self.seed is None else self.seed)).random(len(sizes))
        order = np.lexsort((lots, -sizes))
        parts = np.empty(len(sizes), dtype=np.int64)
        parts[order] = fill(sizes[order].tolist(), counts(rows.height, self.shares()), wanted)
        return pl.Series("part", np.array(PARTS)[parts[groups]].tolist(), dtype=pl.String)


def fill(sizes: Sequence[int], totals: Sequence[int], wanted: Set[int]) -> list[int]:
    """The part of each group, given in falling size: of the wanted ones the one that lacks most rows.

    The last groups go to parts that are still empty.
    """
    lacking = list(totals)
    empty = set(wanted)
    found = []
    for position, size in enumerate(sizes):
        choice = empty if len(sizes) - position <= len(empty) else wanted
        part = max(choice, key=lambda one: (lacking[one], -one))
        lacking[part] -= size
        empty.discard(part)
        found.append(part)
    return found
