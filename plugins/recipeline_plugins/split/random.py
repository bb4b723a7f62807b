"""`random`: every row's part by lot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from recipeline import DataError, Problem
from recipeline_plugins.split._shares import PARTS, SharesSplit, counts
from recipeline_plugins.split._strata import table

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

FEW = 20
"""Up to so many different whole numbers are taken for classes, and so many words whatever the rows."""

BINS = 10
"""Ranges of equal size that a continuous target is stratified by."""

SPREAD = 6.0
"""Standard deviations of a lot's rank on either side of where it is looked for."""


class RandomSplit(SharesSplit, name="random"):
    """Draw each row's part by lot: right when rows have nothing to do with each other.

    The sizes are exact: the shares of all rows, rounded by largest remainder. Stratified, every class has its
    share in each part, less than one row off; a continuous target is stratified by ten ranges of equally many
    rows, several targets by their combinations. For rows of the same person, machine or place see `group`; to
    predict the future see `time`.

    Kohavi 1995, A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection.
    """

    example = """
        data:
          source: {type: sample, dataset: penguins}
          target: species
          split: {type: random, train: 0.6, validation: 0.2, test: 0.2, stratify: true}
    """

    stratify: bool | Literal["auto"] = "auto"
    """Whether the parts get the same mixture of targets; `auto` does so for classes, not for numbers and not for texts
    that hardly repeat, which have no mixture."""
    seed: int | None = Field(default=None, ge=0)
    """The seed of the lot; by default the recipe's. Give it to keep the parts while the recipe's seed changes."""

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The targets, to stratify by."""
        return () if self.stratify is False else target

    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """The part of each row, by lot."""
        import numpy as np
        import polars as pl

        shares = self.shares()
        totals = counts(rows.height, shares)
        lots = np.random.Generator(np.random.PCG64(seed if self.seed is None else self.seed)).random(rows.height)
        strata = self._strata(rows, target)
        sizes = np.array([rows.height] if rows.height else [], np.int64) if strata is None else np.bincount(strata)
        numbers = table(sizes.tolist(), shares, totals)
        if strata is None:
            parts = _dealt(lots, numbers[0]) if rows.height else np.empty(0, dtype=np.uint8)
        else:
            parts = np.empty(rows.height, dtype=np.uint8)
            order = np.argsort(strata, kind="stable")  # of whole numbers as quick as counting them
            for those, shares_of_class in zip(np.split(order, np.cumsum(sizes)[:-1]), numbers, strict=True):
                parts[those] = _dealt(lots[those], shares_of_class)
        return pl.Series("part", parts).cat.to(pl.Enum(PARTS))

    def _strata(self, rows: pl.DataFrame, target: tuple[str, ...]) -> np.ndarray | None:
        """The class of each row as a number from 0; None when there is nothing to stratify by."""
        import numpy as np

        names = [name for name in target if self._applies(rows, name)] if self.stratify is not False else []
        if not names or not rows.height:
            return None
        import polars as pl

        classes = rows.select(_classes(rows[name]).rank("dense").fill_null(0).alias(name) for name in names)
        return classes.select(pl.struct(pl.all()).rank("dense") - 1).to_series().to_numpy().astype(np.int64)

    def _applies(self, rows: pl.DataFrame, name: str) -> bool:
        if _hardly_repeats(rows[name]):
            if self.stratify is True:
                raise DataError(
                    Problem(
                        "the target's texts hardly repeat, so that there is nothing to stratify by",
                        path="data.split.stratify",
                        field=name,
                        found=f"{rows[name].n_unique():,} different ones in {rows.height:,} rows",
                        suggestion="Write stratify: false.",
                    )
                )
            return False
        return self.stratify is True or _are_classes(rows[name])


def _dealt(lots: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The part of each row of a class, by lot: the lowest ones are the first part's. uint8 (rows,)."""
    import numpy as np

    begins = [begin for begin in np.cumsum(sizes)[:-1].tolist() if begin < len(lots)]
    parts = np.zeros(len(lots), dtype=np.uint8)
    for begin in begins:
        parts += lots >= _of_rank(lots, begin)
    dealt = [int(np.count_nonzero(parts == part)) for part in range(len(sizes))]
    if dealt != sizes.tolist():  # the same lot twice, or a part of no rows
        parts[np.argsort(lots, kind="stable")] = np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
    return parts


def _of_rank(lots: np.ndarray, rank: int) -> float:
    """The lot that so many are lower than.

    Lots are even between 0 and 1: looking where it has to be takes a twentieth of the time of putting all in order.
    """
    import numpy as np

    share = rank / len(lots)
    reach = SPREAD * math.sqrt(share * (1 - share) / len(lots))
    low = share - reach
    near = lots[(lots >= low) & (lots < share + reach)]
    place = rank - int(np.count_nonzero(lots < low))
    if not 0 <= place < len(near):
        near, place = lots, rank
    return float(np.partition(near, place)[place])


def _hardly_repeats(column: pl.Series) -> bool:
    """Words of which most have fewer than two rows: dealt out class by class, their order would decide."""
    import polars as pl

    distinct = column.n_unique() if column.dtype == pl.String else 0
    return distinct > FEW and 2 * distinct > len(column)


def _are_classes(column: pl.Series) -> bool:
    """Words, true and false, and few different whole numbers."""
    return not column.dtype.is_numeric() or (column.dtype.is_integer() and column.n_unique() <= FEW)


def _classes(column: pl.Series) -> pl.Series:
    """The column itself where it holds classes, else the range that each number falls in, from 0."""
    if _are_classes(column):
        return column
    place = column.fill_nan(None) if column.dtype.is_float() else column
    return (place.rank("min") - 1) * BINS // max(len(place) - place.null_count(), 1)
