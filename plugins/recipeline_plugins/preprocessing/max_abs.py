"""`max_abs`: every column between -1 and 1, with zeros left where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._statistics import divided, divisor, finite, number, summarize

if TYPE_CHECKING:
    import polars as pl


class MaxAbs(Preprocessing, name="max_abs"):
    """Divide each column by its largest absolute train value: for counts and sparse columns, where 0 means none.

        x' = x / max |x|                     of the train rows

    A column of zeros stays zeros, and one without any train value stays as it is.

    At serving: a missing value (null, NaN, or an infinity) stays missing. A value outside the train range goes
    beyond -1 or 1.

    Pedregosa et al. 2011, Scikit-learn: Machine Learning in Python (MaxAbsScaler).
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: max_abs, columns: "count_*"}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Largest absolute value of each column."""
        found = summarize(self, frame, {"largest": lambda x: x.abs().max()})
        return {name: {"scale": divisor(numbers["largest"])} for name, numbers in found.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(divided(number(name), learnt["scale"])).alias(name) for name, learnt in state.items()
        )
