"""`quantile`: a value's rank among the train rows instead of the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._statistics import train_values, value

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

NORMAL_BOUND = 5.199337582605575
"""Where the normal output ends: the quantile of 1 - 1e-7, as in scikit-learn."""


class Quantile(Preprocessing, name="quantile"):
    """Replace each value by its rank between 0 and 1 among the train rows: any shape becomes flat, or a bell.

    The rank is interpolated linearly between `n_quantiles` train quantiles, as in scikit-learn's
    QuantileTransformer, but with all train rows instead of a sample of them; they have to fit in memory one column
    at a time. With `output: normal` the rank becomes a normal quantile within ±5.2. A constant column, or one
    without any train value, becomes 0.5 (uniform) or 0 (normal).

    At serving: a missing value (null, NaN) stays missing. A value outside the train range gets the rank of the
    nearer end: 0 or 1.

    Conover & Iman 1981, Rank Transformations as a Bridge Between Parametric and Nonparametric Statistics.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: quantile, columns: numeric, output: normal}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    output: Literal["uniform", "normal"] = "uniform"
    """The shape of the result: flat from 0 to 1, or a bell around 0."""
    n_quantiles: int = Field(default=1000, ge=2, le=100_000)
    """How finely the ranks are learnt; at most one for each train row."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """The train quantiles of each column, rising."""
        import numpy as np

        state: State = {}
        for name, values in train_values(self, frame):
            ranks = np.linspace(0.0, 1.0, max(2, min(self.n_quantiles, len(values))))
            found = np.maximum.accumulate(np.quantile(values, ranks)) if len(values) else np.zeros(0)
            state[name] = {"quantiles": found.tolist() if len(found) and found[0] < found[-1] else []}
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(self._ranked(name, learnt["quantiles"]) for name, learnt in state.items())

    def _ranked(self, name: str, quantiles: list[float]) -> pl.Expr:
        import numpy as np
        import polars as pl

        if not quantiles:
            middle = pl.lit(0.5 if self.output == "uniform" else 0.0)
            return pl.when(value(name).is_not_null()).then(middle).alias(name)
        known = np.asarray(quantiles)

        def ranks(series: pl.Series) -> pl.Series:
            found = rank(series.fill_null(float("nan")).to_numpy(), known, self.output)
            return pl.Series(series.name, found, dtype=pl.Float64).fill_nan(None)

        return value(name).map_batches(ranks, return_dtype=pl.Float64, is_elementwise=True).alias(name)


def rank(values: np.ndarray, quantiles: np.ndarray, output: str) -> np.ndarray:
    """Each value's rank between 0 and 1, or the normal quantile of it; NaN for NaN.

    Among equal quantiles the rank is the middle of theirs.
    """
    import numpy as np

    ranks = np.linspace(0.0, 1.0, len(quantiles))
    rising = np.interp(values, quantiles, ranks)
    falling = -np.interp(-values, -quantiles[::-1], -ranks[::-1])
    found = np.where(values <= quantiles[0], 0.0, np.where(values >= quantiles[-1], 1.0, 0.5 * (rising + falling)))
    found = np.where(np.isnan(values), np.nan, found)
    if output == "uniform":
        return found
    from scipy.special import ndtri

    bell: np.ndarray = np.clip(ndtri(found), -NORMAL_BOUND, NORMAL_BOUND)
    return bell
