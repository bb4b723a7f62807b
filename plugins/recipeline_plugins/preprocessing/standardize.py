"""`standardize`: every column around 0 with a spread of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._statistics import divided, divisor, finite, moments, number

if TYPE_CHECKING:
    import polars as pl


class Standardize(Preprocessing, name="standardize"):
    """Subtract the mean and divide by the standard deviation, so that columns of any unit weigh alike.

        x' = (x - mean) / deviation          both of the train rows

    The deviation divides by the count, as in scikit-learn's StandardScaler. A constant column becomes zeros, and
    one without any train value stays as it is.

    At serving: a missing value (null, NaN, or an infinity) stays missing: put `impute` before. A value outside the
    train range goes beyond what training saw, without a bound.

    LeCun et al. 1998, Efficient BackProp, 4.3.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: impute, columns: numeric, strategy: median}
          - {type: standardize, columns: numeric}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Mean and standard deviation of each column."""
        return {
            name: {"mean": found.centre, "scale": divisor(found.deviation)}
            for name, found in moments(self, frame).items()
        }

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(divided(number(name) - learnt["mean"], learnt["scale"])).alias(name)
            for name, learnt in state.items()
        )
