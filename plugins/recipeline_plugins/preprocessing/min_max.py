"""`min_max`: every column between two given numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._statistics import divided, divisor, finite, summarize, value

if TYPE_CHECKING:
    import polars as pl


class MinMax(Preprocessing, name="min_max"):
    """Bring each column's train range to `feature_range`: for inputs with natural bounds, such as pixels.

        x' = low + (x - min) / (max - min) · (high - low)         min and max of the train rows

    One outlier squeezes all the others together: see `robust`, `quantile` and `clip_outliers`. A constant column
    becomes `low`, and one without any train value is shifted by `low`.

    At serving: a missing value (null, NaN) stays missing. A value outside the train range comes out of
    `feature_range`, or is brought to its nearer end with `clip: true`; an infinity becomes missing without `clip`.

    Han, Kamber & Pei 2011, Data Mining: Concepts and Techniques, 3.5.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: min_max, columns: numeric, feature_range: [-1, 1], clip: true}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    feature_range: list[float] = Field(default=[0.0, 1.0], min_length=2, max_length=2)
    """What the least and the largest train value become."""
    clip: bool = False
    """Whether values outside the train range are brought to its ends."""

    @model_validator(mode="after")
    def _rising(self) -> MinMax:
        low, high = self.feature_range
        if not low < high:
            raise ValueError(f"feature_range goes from {low} to {high}: the first has to be below the second")
        return self

    def fit(self, frame: pl.LazyFrame) -> State:
        """Least and largest value of each column."""
        found = summarize(self, frame, {"min": lambda x: x.min(), "width": lambda x: x.max() - x.min()})
        return {
            name: {"min": numbers["min"] or 0.0, "scale": divisor(numbers["width"])} for name, numbers in found.items()
        }

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        low, high = self.feature_range

        def scaled(name: str, least: float, width: float) -> pl.Expr:
            result = divided(value(name) - least, width) * (high - low) + low
            return result.clip(low, high) if self.clip else result

        return frame.with_columns(
            finite(scaled(name, learnt["min"], learnt["scale"])).alias(name) for name, learnt in state.items()
        )
