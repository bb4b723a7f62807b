"""Which rows train, which rows choose, which rows judge."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from recipeline.families.plugin import Plugin
from recipeline.families.spec import Part, TargetSpec

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FILE_COLUMN", "Part", "Split", "TargetSpec"]

FILE_COLUMN = "__file__"
"""The column that names the file each row comes from. It is there for a split whose `needs` asks for it, and is
never shown to the model."""


class Split(Plugin, family="split"):
    """Assigns each row to `train`, `validation` or `test`, the same way for the same seed."""

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The columns to hand over to `assign`; `target` names the target columns."""
        return ()

    def hides(self) -> tuple[str, ...]:
        """The split's own columns, which the model must not see: a column of part names, a group."""
        return ()

    def has(self, part: Part) -> bool:
        """Whether this split, with these settings, makes such a part. Known before any data is read."""
        return True

    def gap_rows(self) -> int | None:
        """How many rows it leaves out between a part and the one that follows it in time; None if parts are mixed."""
        return None

    @abstractmethod
    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """One of the words train, validation, test for each row; null for a row to leave out.

        Args:
            rows: The columns of `needs`, all rows, in the source's order. A frame without columns has a
                height all the same.
            target: The target columns' names, for stratifying.
            seed: The recipe's seed.

        Raises:
            DataError: the columns don't allow such a split.
        """
