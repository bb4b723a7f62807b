"""`power`: the curve that makes a column most like a bell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._statistics import (
    Moments,
    divided,
    divisor,
    finite,
    refuse_overflow,
    train_values,
    value,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


class Power(Preprocessing, name="power"):
    """Yeo-Johnson: straighten a skewed column, negative values included, then standardize it.

        x' = ((1 + x)^λ - 1) / λ                        for x ≥ 0
             -((1 - x)^(2 - λ) - 1) / (2 - λ)           below

    λ is found by maximum likelihood on the train rows, which have to fit in memory one column at a time. λ = 1, the
    straight line, where a column is constant or has no value. As scikit-learn's PowerTransformer. Yeo and Johnson
    2000, A New Family of Power Transformations to Improve Normality or Symmetry.

    At serving: a missing value (null, NaN, or an infinity) stays missing. A value outside the train range follows
    the same curve; where that is beyond the largest float it becomes missing.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: power, columns: [income, area]}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    standardize: bool = True
    """Whether the result gets mean 0 and standard deviation 1 on the train rows."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """λ of each column, and the mean and deviation of the result."""
        state: State = {}
        for name, values in train_values(self, frame):
            exponent = best_exponent(values)
            refuse_overflow(self, {name: {"lambda": exponent}})
            result = Moments()
            if self.standardize:
                result.add(_straightened(values, exponent))
            refuse_overflow(self, {name: {"mean": result.centre, "deviation": result.deviation}})
            state[name] = {"lambda": exponent, "mean": result.centre, "scale": divisor(result.deviation)}
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(divided(yeo_johnson(value(name), learnt["lambda"]) - learnt["mean"], learnt["scale"])).alias(name)
            for name, learnt in state.items()
        )


def yeo_johnson(x: pl.Expr, exponent: float) -> pl.Expr:
    """The Yeo-Johnson transformation with λ = `exponent`."""
    import polars as pl

    return pl.when(x >= 0).then(_branch(x, exponent)).otherwise(-_branch(-x, 2.0 - exponent))


def _branch(x: pl.Expr, exponent: float) -> pl.Expr:
    """((1 + x)^λ - 1) / λ for x ≥ 0, and its limit log(1 + x) at λ = 0."""
    import polars as pl

    growth = x.log1p()
    if exponent == 0.0:
        return growth
    step = growth * exponent
    series = growth * (
        1.0 + step * (1 / 2) * (1.0 + step * (1 / 3) * (1.0 + step * (1 / 4)))
    )  # exp(step) - 1 would cancel
    return pl.when(step.abs() < 1e-4).then(series).otherwise(divided(step.exp() - 1.0, exponent))


def best_exponent(values: np.ndarray) -> float:
    """λ of maximum likelihood; 1 for a constant column, NaN where the numbers are too large to find it."""
    import numpy as np
    from scipy import stats

    if len(values) < 2 or values.min() == values.max():
        return 1.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the search tries what overflows
        try:
            return float(stats.yeojohnson_normmax(values))
        except ValueError:  # how scipy says that the search left the floats
            return math.nan


def _straightened(values: np.ndarray, exponent: float) -> np.ndarray:
    import polars as pl

    return pl.DataFrame({"x": values}).select(yeo_johnson(pl.col("x"), exponent))["x"].to_numpy()
