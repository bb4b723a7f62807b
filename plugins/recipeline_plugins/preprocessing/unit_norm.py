"""`unit_norm`: every row of the same length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._column_types import require_numbers
from recipeline_plugins.preprocessing._statistics import SMALLEST, finite, value

if TYPE_CHECKING:
    import polars as pl


class UnitNorm(Preprocessing, name="unit_norm"):
    """Divide each row by its length across the columns: for shares and word counts, where only the mix matters.

        x' = x / ‖x‖                         over the chosen columns of a row

    The norm is l1 (sum of absolute values), l2 (root of the sum of squares) or max (largest absolute value). A row
    of zeros stays zeros. Nothing is learnt.

    At serving: a missing value (null, NaN, or an infinity) stays missing and counts as 0 in the row's length. No
    value is out of range.

    Salton, Wong & Yang 1975, A Vector Space Model for Automatic Indexing.
    """

    example = """
        preprocessing:
          - {type: unit_norm, columns: "word_*", norm: l1}
    """

    columns: Columns = "numeric"
    """The columns that make up the row; true and false count as 1 and 0."""
    norm: Literal["l1", "l2", "max"] = "l2"
    """How the length of a row is measured."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """The columns that count."""
        return {"columns": require_numbers(self, frame)}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        import polars as pl

        names = state["columns"]
        if not names:
            return frame
        largest = pl.max_horizontal(finite(value(name)).abs().fill_null(0.0) for name in names)
        scale = pl.when(largest >= SMALLEST).then(largest).otherwise(1.0)
        shares = {name: finite(value(name)) / scale for name in names}  # between -1 and 1: nothing overflows below
        length: pl.Expr = pl.lit(1.0)
        if self.norm == "l1":
            length = pl.sum_horizontal(share.abs().fill_null(0.0) for share in shares.values())
        elif self.norm == "l2":
            length = pl.sum_horizontal((share * share).fill_null(0.0) for share in shares.values()).sqrt()
        divisor = pl.when(length >= SMALLEST).then(length).otherwise(1.0)
        return frame.with_columns((share / divisor).alias(name) for name, share in shares.items())
