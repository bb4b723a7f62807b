"""`clip_outliers`: extreme values brought back to a limit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._quantiles import quantiles
from recipeline_plugins.preprocessing._statistics import finite, moments, value

if TYPE_CHECKING:
    import polars as pl

READ_BY = {"lower": "quantile", "upper": "quantile", "factor": "iqr", "limit": "zscore"}
"""Which method reads which setting."""

LARGEST = sys.float_info.max


class ClipOutliers(Preprocessing, name="clip_outliers"):
    """Replace values beyond a limit by the limit, so that a typing error can't outweigh a thousand rows.

        quantile:  from q(lower) to q(upper)
        iqr:       from q(1/4) - factor · iqr to q(3/4) + factor · iqr         iqr = q(3/4) - q(1/4)
        zscore:    from mean - limit · deviation to mean + limit · deviation

    All of the train rows; `iqr` is Tukey's fence (1977, Exploratory Data Analysis). Infinite values don't count for
    the limits. A column without a spread to measure by has no limits.

    At serving: a missing value (null, NaN) stays missing. A value outside the limits, infinite ones included,
    becomes the nearer limit; in a column without limits an infinite one becomes missing.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: clip_outliers, columns: numeric, method: quantile, lower: 0.01, upper: 0.99}
          - {type: standardize, columns: numeric}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    method: Literal["quantile", "iqr", "zscore"] = "iqr"
    """How the limits are found."""
    lower: float | None = Field(default=None, ge=0, lt=1)
    """`quantile`: the quantile of the lower limit; 0.01 when left out."""
    upper: float | None = Field(default=None, gt=0, le=1)
    """`quantile`: the quantile of the upper limit; 0.99 when left out."""
    factor: float | None = Field(default=None, gt=0)
    """`iqr`: how many interquartile ranges beyond the quartiles; 1.5 when left out."""
    limit: float | None = Field(default=None, gt=0)
    """`zscore`: how many standard deviations from the mean; 3 when left out."""

    @model_validator(mode="after")
    def _consistent(self) -> ClipOutliers:
        for setting, method in READ_BY.items():
            if getattr(self, setting) is not None and method != self.method:
                raise ValueError(f"{setting} belongs to method: {method}, but the method is {self.method}")
        lower, upper = self._quantiles
        if not lower < upper:
            raise ValueError(f"lower is {lower} and upper {upper}: lower has to be below upper")
        return self

    @property
    def _quantiles(self) -> tuple[float, float]:
        return (0.01 if self.lower is None else self.lower, 0.99 if self.upper is None else self.upper)

    def fit(self, frame: pl.LazyFrame) -> State:
        """The limits of each column."""
        if self.method == "zscore":
            width = 3.0 if self.limit is None else self.limit
            return {
                name: _limits(found.centre - width * found.deviation, found.centre + width * found.deviation)
                for name, found in moments(self, frame, skip_infinite=True).items()
            }
        low, high = self._quantiles if self.method == "quantile" else (0.25, 0.75)
        found = quantiles(self, frame, [low, high], skip_infinite=True)
        factor = 0.0 if self.method == "quantile" else 1.5 if self.factor is None else self.factor
        return {name: _beyond(lowest, highest, factor) for name, (lowest, highest) in found.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(value(name).clip(learnt["low"], learnt["high"])).alias(name) for name, learnt in state.items()
        )


def _beyond(low: float | None, high: float | None, factor: float) -> dict[str, float | None]:
    """The limits that lie `factor` ranges outside."""
    if low is None or high is None:
        return {"low": None, "high": None}
    return _limits(low - factor * (high - low), high + factor * (high - low))


def _limits(low: float, high: float) -> dict[str, float | None]:
    """Two limits, or none where there is nothing between them."""
    if not low < high:
        return {"low": None, "high": None}
    return {"low": max(low, -LARGEST), "high": min(high, LARGEST)}
