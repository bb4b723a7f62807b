"""`robust`: every column around 0 with a spread of 1, measured so that outliers don't count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._quantiles import quantiles
from recipeline_plugins.preprocessing._statistics import divided, divisor, finite, number

if TYPE_CHECKING:
    import polars as pl


class Robust(Preprocessing, name="robust"):
    """Subtract the median and divide by the interquartile range: standardization that outliers can't move.

        x' = (x - median) / (q(upper) - q(lower))

    With linearly interpolated quantiles q of the train rows, as in scikit-learn's RobustScaler. Where the two
    quantiles are equal the column is only centred, and a column without any train value stays as it is.

    At serving: a missing value (null, NaN, or an infinity) stays missing. A value outside the train range goes
    beyond what training saw, without a bound.

    Tukey 1977, Exploratory Data Analysis.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: robust, columns: numeric, lower: 0.1, upper: 0.9}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    lower: float = Field(default=0.25, ge=0, lt=1)
    """The quantile where the range begins."""
    upper: float = Field(default=0.75, gt=0, le=1)
    """The quantile where the range ends."""

    @model_validator(mode="after")
    def _rising(self) -> Robust:
        if not self.lower < self.upper:
            raise ValueError(f"lower is {self.lower} and upper {self.upper}: lower has to be below upper")
        return self

    def fit(self, frame: pl.LazyFrame) -> State:
        """Median and range of each column."""
        found = quantiles(self, frame, [0.5, self.lower, self.upper])
        return {
            name: {
                "median": median or 0.0,
                "scale": divisor(None if low is None or high is None else high - low),
            }
            for name, (median, low, high) in found.items()
        }

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(divided(number(name) - learnt["median"], learnt["scale"])).alias(name)
            for name, learnt in state.items()
        )
