"""`time`: learn from the past, be judged by the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeInt

from recipeline import DataError, Problem
from recipeline_plugins.split._shares import PARTS, SharesSplit, counts, refuse_missing

if TYPE_CHECKING:
    import polars as pl


class TimeSplit(SharesSplit, name="time"):
    """Train on the oldest rows and test on the newest, as the model will be used.

    Rows of the same moment stay together, in the earlier of the parts that they would fall in. No seed plays a
    part.

    Tashman 2000, Out-of-Sample Tests of Forecasting Accuracy.
    """

    example = """
        data:
          source: {type: csv, path: sales.csv}
          target: price
          split: {type: time, column: day, train: 0.8, validation: 0.1, test: 0.1}
    """

    column: str = Field(min_length=1)
    """The column to sort by: dates, or numbers such as a year."""
    gap: NonNegativeInt = 0
    """How many moments before each border are left out, for rows whose targets reach into the next part: those of
    the source `windows` want its horizon + gap - 1."""

    def gap_rows(self) -> int:
        """The moments that are left out between two parts."""
        return self.gap

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The column to sort by."""
        return (self.column,)

    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """The part of each row's moment."""
        import numpy as np
        import polars as pl

        column = rows[self.column]
        if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
            raise DataError(
                Problem(
                    "the split `time` sorts by dates or numbers",
                    field=self.column,
                    found=str(column.dtype),
                    suggestion=f"Declare it in the recipe: data.columns: {{{self.column}: datetime}}.",
                )
            )
        refuse_missing(column, self)
        places = column.rank("min").cast(pl.Int64).to_numpy() - 1  # equal moments: the first one's place
        ends = np.cumsum(counts(rows.height, self.shares()))
        parts = np.searchsorted(ends, places, side="right")
        words = pl.Series("part", np.array(PARTS)[parts].tolist(), dtype=pl.String)
        if not self.gap:
            return words
        moments = column.rank("dense").cast(pl.Int64).to_numpy() - 1
        begins = [int(moments[parts == part].min()) for part in (1, 2) if (parts == part).any()]
        close = [(begin - self.gap <= moments) & (moments < begin) for begin in begins]
        return words.set(pl.Series(np.any(close, axis=0)), None) if close else words
