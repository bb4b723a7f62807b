"""Learn numbers from the train rows, the same to the last bit every time, and keep what comes of them finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recipeline import DataError, Preprocessing, Problem
from recipeline_plugins.preprocessing._column_types import require_numbers

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Measure = Callable[[pl.Expr], pl.Expr]

SMALLEST = 2.2250738585072014e-308
"""The smallest normal float64: dividing by less overflows."""

BATCH_ROWS = 65_536
"""Rows that are averaged at a time."""


def value(name: str) -> pl.Expr:
    """A column's values as float64, with null for NaN. Whole numbers beyond 2**53 are rounded."""
    import polars as pl

    return pl.col(name).cast(pl.Float64).fill_nan(None)


def number(name: str) -> pl.Expr:
    """A column's values as float64, NaN where they are: for sums that `finite` ends, which then need look once."""
    import polars as pl

    return pl.col(name).cast(pl.Float64)


def finite(expression: pl.Expr) -> pl.Expr:
    """The expression where it is a finite number, null elsewhere: no NaN and no infinity leaves a step."""
    import polars as pl

    return pl.when(expression.is_finite()).then(expression)


def divided(expression: pl.Expr, by: float) -> pl.Expr:
    """The expression divided by a number, for one row exactly as for many.

    As a product: polars divides a column by a number through the reciprocal, but a single row directly, and the
    two differ in the last bit.
    """
    return expression * (1.0 / by)


def divisor(spread: float | None) -> float:
    """What to divide by: the spread, or 1 where there is none, so that a constant column becomes zeros."""
    return spread if spread is not None and spread >= SMALLEST else 1.0


def summarize(
    step: Preprocessing, frame: pl.LazyFrame, measures: Mapping[str, Measure], *, skip_infinite: bool = False
) -> dict[str, dict[str, float | None]]:
    """Each measure of each column, in one lazy aggregation; None where a column has no value.

    For measures that don't depend on the order of the rows (least, largest, counts). polars adds up in whatever
    order its threads deliver, so that a sum differs in its last bits from call to call: for means see `moments`.
    Quantiles would hold all values at once: see `quantiles`.

    Args:
        step: Who asks, for the errors.
        frame: The chosen columns of the train rows.
        measures: Name -> aggregation over a column's values (float64, null where missing).
        skip_infinite: Whether infinite values count as missing; otherwise they are refused.

    Raises:
        DataError: a column doesn't hold numbers, or holds infinite ones, or such that overflow.
    """
    names = require_numbers(step, frame)
    if not names:
        return {}
    wanted = []
    for position, name in enumerate(names):
        column = finite(value(name)) if skip_infinite else value(name)
        wanted += [measure(column).alias(f"{position}:{label}") for label, measure in measures.items()]
        wanted.append(value(name).is_infinite().sum().alias(f"{position}:"))
    found = frame.select(wanted).collect(engine="streaming").row(0, named=True)
    if not skip_infinite:
        refuse_infinite(step, {name: found[f"{position}:"] for position, name in enumerate(names)})
    learnt = {name: {label: found[f"{position}:{label}"] for label in measures} for position, name in enumerate(names)}
    refuse_overflow(step, learnt)
    return learnt


@dataclass(slots=True)
class Moments:
    """Count, least, largest, mean and variance of the values seen so far."""

    count: int = 0
    least: float = math.inf
    largest: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared distances from the mean."""
    infinite: int = 0

    def add(self, values: np.ndarray) -> None:
        """Take in a batch; NaN counts as missing (Chan, Golub and LeVeque 1979, Updating Formulae)."""
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):  # an overflow is reported by whoever asked
            # A finite sum has finite terms, which is known sooner than it is of each.
            total = float(values.sum())
            usable = values if math.isfinite(total) else values[np.isfinite(values)]
            self.infinite += 0 if usable is values else int(np.isinf(values).sum())
            if not len(usable):
                return
            mean = total / len(usable) if usable is values else float(usable.mean())
            distances = usable - mean
            squares = float(np.multiply(distances, distances, out=distances).sum())
        count = self.count + len(usable)
        difference = mean - self.mean
        self.squares += squares + difference * difference * self.count * len(usable) / count
        self.mean += difference * len(usable) / count
        self.count = count
        self.least = min(self.least, float(usable.min()))
        self.largest = max(self.largest, float(usable.max()))

    @property
    def deviation(self) -> float:
        """Standard deviation, dividing by the count; exactly 0 for a constant column."""
        return math.sqrt(self.squares / self.count) if self.count and self.least < self.largest else 0.0

    @property
    def centre(self) -> float:
        """The mean; exactly the value of a constant column, and 0 where there is none."""
        if not self.count:
            return 0.0
        return self.mean if self.least < self.largest else self.least


def moments(step: Preprocessing, frame: pl.LazyFrame, *, skip_infinite: bool = False) -> dict[str, Moments]:
    """Mean and variance of each column, in one pass in the order of the rows.

    Raises:
        DataError: a column doesn't hold numbers, or holds infinite ones, or such that overflow.
    """
    names = require_numbers(step, frame)
    found = {name: Moments() for name in names}
    for batch in batches(frame, names):
        for name in names:
            found[name].add(batch[name].drop_nulls().to_numpy())
    if not skip_infinite:
        refuse_infinite(step, {name: moment.infinite for name, moment in found.items()})
    refuse_overflow(step, {name: {"mean": m.centre, "deviation": m.deviation} for name, m in found.items()})
    return found


def train_values(step: Preprocessing, frame: pl.LazyFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Each column's values without the missing ones, float64, one column after the other.

    For what no aggregation gives: the train rows of one column have to fit in memory.

    Raises:
        DataError: a column doesn't hold numbers, or holds infinite ones.
    """
    import numpy as np

    for name in require_numbers(step, frame):
        array = frame.select(value(name)).collect(engine="streaming")[name].drop_nulls().to_numpy()
        refuse_infinite(step, {name: int(np.isinf(array).sum())})
        yield name, array


def batches(frame: pl.LazyFrame, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The columns' values as float64, null or NaN where missing, batch by batch in the order of the rows."""
    if names:
        yield from raw_batches(frame.select(number(name) for name in names), names)


def raw_batches(frame: pl.LazyFrame, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The columns as they are, batch by batch in the order of the rows."""
    if names:
        yield from frame.select(names).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming")


def refuse_infinite(step: Preprocessing, counts: Mapping[str, float | None]) -> None:
    """Raise DataError for the columns that have infinite values."""
    wrong = [
        Problem(
            f"`{step.plugin_name}` can't learn from infinite values",
            field=name,
            found=f"{count:.0f} in the train rows",
            suggestion="Bring them into bounds with `clip_outliers` before, or make them missing with `replace`.",
        )
        for name, count in counts.items()
        if count
    ]
    if wrong:
        raise DataError(*wrong)


def refuse_overflow(step: Preprocessing, learnt: Mapping[str, Mapping[str, float | None]]) -> None:
    """Raise DataError for the columns of which something learnt is not finite."""
    wrong = [
        Problem(
            f"`{step.plugin_name}` can't compute with numbers as large as these",
            field=name,
            suggestion="Bring them into bounds with `clip_outliers` before, or store them in a larger unit.",
        )
        for name, numbers in learnt.items()
        if any(number is not None and not math.isfinite(number) for number in numbers.values())
    ]
    if wrong:
        raise DataError(*wrong)
