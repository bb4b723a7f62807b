"""`impute`: a value where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import WORDS, Kind, is_missing, kind_of
from recipeline_plugins.preprocessing._counts import counted
from recipeline_plugins.preprocessing._quantiles import quantiles
from recipeline_plugins.preprocessing._statistics import moments
from recipeline_plugins.preprocessing._values import Scalar, Storage, polars_type, storage, storage_of, typed

if TYPE_CHECKING:
    import polars as pl

Strategy = Literal["auto", "mean", "median", "most_frequent", "constant"]


class Impute(Preprocessing, name="impute"):
    """Fill missing values (null, and NaN among numbers) with one learnt from the train rows.

    `auto` takes the median of numbers and the most frequent value of everything else; of several equally frequent
    values the least. Numbers become Float64 with mean and median. Columns of lists, times of day and durations are
    left as they are.

    At serving: a missing value is filled with what training learnt, also in a column that had no gaps in
    training. No value is unseen: present ones stay as they are.

    Little & Rubin 2002, Statistical Analysis with Missing Data, chapter 4.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: impute, columns: numeric, strategy: median, indicator: true}
          - {type: impute, columns: categorical, strategy: constant, value: unknown}
    """

    columns: Columns = "all"
    """The columns to fill."""
    strategy: Strategy = "auto"
    """What to fill with: auto, mean, median, most_frequent, or constant with `value`."""
    value: Scalar | None = None
    """`constant`: what to fill with. It has to suit the type of every chosen column."""
    indicator: bool = False
    """Whether each column with gaps in the train rows gets another, `<column>_missing`, that is true in them."""

    @model_validator(mode="after")
    def _consistent(self) -> Impute:
        if self.strategy == "constant" and self.value is None:
            raise ValueError("strategy: constant needs a `value` to fill with")
        if self.strategy != "constant" and self.value is not None:
            raise ValueError(f"value belongs to strategy: constant, but the strategy is {self.strategy}")
        return self

    def fit(self, frame: pl.LazyFrame) -> State:
        """What fills each column, and whether it gets an indicator."""
        schema = frame.collect_schema()
        kinds = {name: kind_of(dtype) for name, dtype in schema.items()}
        kinds = {name: kind for name, kind in kinds.items() if kind not in ("other", "time")}
        plan = {name: self._strategy(name, kind) for name, kind in kinds.items()}

        def planned(strategy: Strategy) -> list[str]:
            return [name for name in kinds if plan[name] == strategy]

        stored = {name: storage(kind, schema[name]) for name, kind in kinds.items()}
        fills: dict[str, Any] = {name: self._constant(name, kinds[name]) for name in planned("constant")}
        if means := planned("mean"):
            found = moments(self, frame.select(means))
            fills |= {name: m.centre if m.count else None for name, m in found.items()}
        if medians := planned("median"):
            fills |= {name: median for name, (median,) in quantiles(self, frame.select(medians), [0.5]).items()}
        if modes := planned("most_frequent"):
            fills |= _least_modes(frame, {name: stored[name] for name in modes}, kinds)
        hollow = [name for name in kinds if fills[name] is None]
        if hollow:
            raise DataError(*(_nothing_to_learn(name, plan[name]) for name in hollow))
        gaps = _gaps(frame, kinds) if self.indicator else {}
        return {
            name: {
                "kind": kind,
                "fill": fills[name],
                "stored": _result(kind, stored[name], fills[name]),
                "indicator": gaps.get(name, False),
            }
            for name, kind in kinds.items()
        }

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """The columns without gaps, and the indicators behind them."""
        types = frame.collect_schema()
        return frame.with_columns(
            *(_filled(name, state[name], dtype) for name, dtype in types.items() if name in state),
            *(
                is_missing(name, state[name]["kind"]).alias(f"{name}_missing")
                for name in types
                if name in state and state[name]["indicator"]
            ),
        )

    def _strategy(self, name: str, kind: Kind) -> Strategy:
        if self.strategy == "auto":
            return "median" if kind in ("number", "integer") else "most_frequent"
        if self.strategy in ("mean", "median") and kind not in ("number", "integer", "boolean", "empty"):
            raise DataError(
                Problem(
                    f"`impute` can't take the {self.strategy} of a column of {WORDS[kind]}",
                    field=name,
                    suggestion="Choose columns: numeric, or strategy: most_frequent.",
                )
            )
        return self.strategy

    def _constant(self, name: str, kind: Kind) -> Scalar:
        """`value`, in the column's type."""
        given = self.value
        assert given is not None  # said by the settings
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if kind == "number" and is_number:
            return float(given)
        suits = {"text": isinstance(given, str), "boolean": isinstance(given, bool), "integer": is_number}
        if kind == "empty" or suits.get(kind, False):
            return given
        raise DataError(
            Problem(
                f"`impute` can't fill a column of {WORDS[kind]} with this value",
                field=name,
                found=repr(given),
                suggestion="Give a `value` of the column's type, or choose other columns.",
            )
        )


def _nothing_to_learn(name: str, strategy: Strategy) -> Problem:
    return Problem(
        f"`impute` finds no value in the train rows, so there is no {strategy.replace('_', ' ')} one to fill with",
        field=name,
        suggestion="Leave the column out with `drop_columns`, or write strategy: constant.",
    )


def _result(kind: Kind, stored: Storage, fill: Scalar) -> Storage:
    """The type of the filled column: a fraction among whole numbers makes them fractions."""
    if kind == "empty" or isinstance(fill, float):
        return storage_of(fill)
    return stored


def _least_modes(frame: pl.LazyFrame, stored: dict[str, Storage], kinds: dict[str, Kind]) -> dict[str, Scalar | None]:
    """The most frequent value of each column, the least of several; dates as microseconds since 1970."""

    def comparable(name: str) -> pl.Expr:
        return _microseconds(name) if kinds[name] == "datetime" else typed(name, stored[name])

    found = counted(frame, {name: comparable(name) for name in stored})
    modes: dict[str, Scalar | None] = {}
    for name in stored:
        counts = found[name].drop_nulls("value")  # sorted by value: the first of the most frequent ones is the least
        modes[name] = counts["value"][counts["count"].arg_max() or 0] if counts.height else None
    return modes


def _gaps(frame: pl.LazyFrame, kinds: dict[str, Kind]) -> dict[str, bool]:
    if not kinds:
        return {}
    missing = (is_missing(name, kind).any().alias(name) for name, kind in kinds.items())
    return frame.select(missing).collect(engine="streaming").row(0, named=True)


def _microseconds(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).cast(pl.Datetime("us")).dt.epoch("us")


def _filled(name: str, learnt: dict[str, Any], dtype: pl.DataType) -> pl.Expr:
    import polars as pl

    if learnt["kind"] == "datetime":
        moment = pl.from_epoch(pl.lit(learnt["fill"], dtype=pl.Int64), "us")
        zone = getattr(dtype, "time_zone", None)
        if zone is not None:
            moment = moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return pl.col(name).fill_null(moment.cast(dtype))
    return typed(name, learnt["stored"]).fill_null(pl.lit(learnt["fill"], dtype=polars_type(learnt["stored"])))
