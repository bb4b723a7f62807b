"""`standardize_series`: every channel of a series around 0 with a spread of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._statistics import divisor, moments

if TYPE_CHECKING:
    import polars as pl


class StandardizeSeries(Preprocessing, name="standardize_series"):
    """Subtract each channel's mean and divide by its standard deviation, over all time steps of all train rows.

        x[t, channel] = (x[t, channel] - mean[channel]) / deviation[channel]

    As `standardize`, with one mean and one deviation for a channel whatever the time, so that the shape of a series
    stays as it is. The deviation divides by the count; a constant channel becomes zeros.

    At serving: a missing value within a series stays missing, as does a missing series: the row is refused. Values
    outside the train range go beyond what training saw, without a bound.

    LeCun et al. 1998, Efficient BackProp, 4.3.
    """

    example = """
        data:
          source: {type: parquet, path: recordings.parquet}      # a column of lists
          target: speaker
          columns: {sound: series}
        preprocessing: [standardize_series]
        architecture: gru
    """

    columns: Columns = "series"
    """The columns of series to work on."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Mean and deviation of each column's channels."""
        import polars as pl

        state: State = {}
        for name, dtype in frame.collect_schema().items():
            wanted, channels = self._type(name, dtype)
            times = frame.select(pl.col(name).cast(wanted).drop_nulls().explode(empty_as_null=False))
            if channels:
                times = times.select(pl.col(name).arr.get(c).alias(f"{name}[{c}]") for c in range(channels))
            found = moments(self, times).values()
            state[name] = {"mean": [m.centre for m in found], "scale": [divisor(m.deviation) for m in found]}
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names and lengths, as lists in float64."""
        import polars as pl

        schema = frame.collect_schema()
        made = []
        for name, learnt in state.items():
            wanted, channels = self._type(name, schema[name])
            series = pl.col(name).cast(wanted)
            if not channels:
                made.append((series - learnt["mean"][0]) / learnt["scale"][0])
                continue
            mean, scale = (pl.Series([learnt[key]], dtype=pl.Array(pl.Float64, channels)) for key in ("mean", "scale"))
            made.append(series.list.eval((pl.element() - pl.lit(mean)) / pl.lit(scale)))
        return frame.with_columns(made)

    def _type(self, name: str, dtype: pl.DataType) -> tuple[pl.DataType, int]:
        """The type of such a series as a list in float64, and its channels; 0 where each time has a plain number.

        Raises:
            DataError: the column doesn't hold series of numbers.
        """
        import polars as pl

        within: Any = None
        if isinstance(dtype, pl.Array):
            bare: Any = dtype
            while isinstance(bare, pl.Array):
                bare = bare.inner
            within = pl.Array(bare, dtype.shape[1:]) if len(dtype.shape) > 1 else bare
        elif isinstance(dtype, pl.List):
            within = dtype.inner
        if within is not None and within.is_numeric():
            return pl.List(pl.Float64), 0
        if isinstance(within, pl.Array) and len(within.shape) == 1 and within.inner.is_numeric():
            return pl.List(pl.Array(pl.Float64, within.shape[0])), within.shape[0]
        raise DataError(
            Problem(
                f"`{self.plugin_name}` works on series: a list of numbers, or of equally many numbers at each time",
                field=name,
                found=str(dtype),
                suggestion="Choose columns: series.",
            )
        )
