"""Exact quantiles of columns of any length in little memory: a sample says where to look, a second pass looks there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recipeline import Preprocessing
from recipeline_plugins.preprocessing._column_types import require_numbers
from recipeline_plugins.preprocessing._statistics import batches, raw_batches, refuse_infinite, refuse_overflow, value

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

KEPT = 32_768
"""Rows that a sample has at most; a table of no more is its own sample, and needs no second pass."""

MARGIN = 4.0
"""Standard deviations of a sample's rank on either side of the rank that is looked for."""


def quantiles(
    step: Preprocessing, frame: pl.LazyFrame, shares: Sequence[float], *, skip_infinite: bool = False
) -> dict[str, list[float | None]]:
    """The quantiles of each column, between two values in proportion; None where a column has no value.

    Floyd & Rivest 1975, Algorithm 489, on a sample of every k-th row.

    Args:
        step: Who asks, for the errors.
        frame: The chosen columns of the train rows.
        shares: Which quantiles, from 0 to 1: 0.5 is the median.
        skip_infinite: Whether infinite values count as missing; otherwise they are refused.

    Raises:
        DataError: a column doesn't hold numbers, or holds infinite ones.
    """
    import numpy as np

    names = require_numbers(step, frame)
    sampled, whole = _sample(frame, names)
    columns = {name: _Column.of(sampled[name].drop_nulls().to_numpy(), shares, whole) for name in names}
    if not whole:
        for batch in batches(frame, names):
            for name in names:
                columns[name].add(batch[name])
    if not skip_infinite:
        refuse_infinite(step, {name: column.infinite for name, column in columns.items()})
    found: dict[str, list[float | None]] = {}
    for name, column in columns.items():
        if not column.count:
            found[name] = [None] * len(shares)
            continue
        # A quantile lies between two neighbouring ranks, which one window holds.
        places = [share * (column.count - 1) for share in shares]
        ends = [(math.floor(place), math.ceil(place)) for place in places]
        pairs = [(window.at(low), window.at(high)) for window, (low, high) in zip(column.windows, ends, strict=True)]
        if any(None in pair for pair in pairs):  # the sample has misled us, as rows in a cunning order can
            values = frame.select(value(name)).collect(engine="streaming")[name].drop_nulls().to_numpy()
            values = np.partition(values[np.isfinite(values)], sorted({rank for pair in ends for rank in pair}))
            pairs = [(float(values[below]), float(values[above])) for below, above in ends]
        found[name] = [_between(pair, place % 1) for pair, place in zip(pairs, places, strict=True)]
    refuse_overflow(step, {name: {str(place): at for place, at in enumerate(found[name])} for name in names})
    return found


def _between(pair: tuple[float | None, float | None], share: float) -> float | None:
    """The value so far on the way from one to the other."""
    below, above = pair
    if below is None or above is None:
        return None
    return below * 0.5 + above * 0.5 if share == 0.5 else below + (above - below) * share


def _sample(frame: pl.LazyFrame, names: Sequence[str]) -> tuple[pl.DataFrame, bool]:
    """Every k-th row, k such that there are not too many, and whether those are all.

    Rows are chosen before anything is made of them: to look at one in sixteen takes a sixteenth of the time.
    """
    import polars as pl

    parts: list[pl.DataFrame] = []
    every, seen, size = 1, 0, 0
    for batch in raw_batches(frame, names):
        parts.append(batch.gather_every(every, offset=-seen % every))
        seen += batch.height
        size += parts[-1].height
        while size > KEPT:
            parts, every = [pl.concat(parts).gather_every(2)], every * 2
            size = parts[0].height
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.Float64))
    return rows.select(value(name) for name in names), every == 1


def _reach(size: int, share: float) -> tuple[int, int]:
    """The ranks of a sample of this size between which a quantile of all lies, almost certainly."""
    place = share * (size - 1)
    reach = MARGIN * math.sqrt(max(share * (1 - share) * size, 1.0)) + 2
    return math.floor(place - reach), math.ceil(place + reach)


def _at_ranks(values: np.ndarray, ranks: Sequence[int]) -> np.ndarray:
    """The values in such an order that these ranks have theirs: a tenth of the work of putting all in order."""
    import numpy as np

    there = sorted({rank for rank in ranks if 0 <= rank < len(values)})
    return np.partition(values, there) if there else values


@dataclass(slots=True)
class _Column:
    """The finite values of a column, and where its quantiles lie, almost certainly."""

    windows: list[_Window]
    count: int = 0
    """Finite values seen."""
    infinite: int = 0

    @classmethod
    def of(cls, sample: np.ndarray, shares: Sequence[float], whole: bool) -> _Column:
        """From a sample; if that is the whole column, its quantiles are known."""
        import numpy as np

        finite = sample[np.isfinite(sample)]
        size = len(finite)
        if not whole:
            wide = [_reach(size, share) for share in shares]
            ranked = _at_ranks(finite, [rank for reach in wide for rank in reach])
            return cls([_Window.between(ranked, low, high) for low, high in wide])
        ranks = [math.floor(share * (size - 1)) for share in shares] if size else []
        ranked = _at_ranks(finite, [place for rank in ranks for place in (rank, rank + 1)])
        return cls([_Window.at_rank(ranked, rank) for rank in ranks], size, len(sample) - size)

    def add(self, column: pl.Series) -> None:
        """Take in a batch: float64, null or NaN where missing."""
        import numpy as np

        values = column.drop_nulls().to_numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            all_finite = math.isfinite(values.sum())
        if not all_finite:
            finite = values[np.isfinite(values)]
            self.infinite += int(np.isinf(values).sum())
            values = finite
        self.count += len(values)
        for window in self.windows:
            window.add(values)


@dataclass(slots=True)
class _Window:
    """What lies between two bounds, and how much below."""

    low: float
    high: float
    below: int = 0
    at_least: int = 0
    """How many values are the lower bound itself."""
    at_most: int = 0
    """How many are the upper one, where that is another."""
    _inside: list[np.ndarray] = field(default_factory=list)
    _sorted: np.ndarray | None = None

    @classmethod
    def between(cls, ranked: np.ndarray, low: int, high: int) -> _Window:
        """From the value of one rank of a sample to that of another; without a bound where there is no such rank."""
        return cls(
            -math.inf if low < 0 else float(ranked[low]),
            math.inf if high >= len(ranked) else float(ranked[high]),
        )

    @classmethod
    def at_rank(cls, ranked: np.ndarray, rank: int) -> _Window:
        """The value of this rank of all, and the next one."""
        after = min(rank + 1, len(ranked) - 1)
        return cls(float(ranked[rank]), float(ranked[after]), below=rank, at_least=1, at_most=1)

    def add(self, values: np.ndarray) -> None:
        import numpy as np

        from_low = values >= self.low
        self.below += len(values) - int(np.count_nonzero(from_low))
        near = values[from_low & (values <= self.high)]
        if self.low == self.high:
            self.at_least += len(near)
            return
        self.at_least += int(np.count_nonzero(near == self.low))
        self.at_most += int(np.count_nonzero(near == self.high))
        self._inside.append(near[(near > self.low) & (near < self.high)])

    def at(self, rank: int) -> float | None:
        """The value of this rank of all; None where it lies outside."""
        import numpy as np

        place = rank - self.below
        if place < 0:
            return None
        if place < self.at_least:
            return self.low
        place -= self.at_least
        if self._sorted is None:
            self._sorted = np.sort(np.concatenate(self._inside)) if self._inside else np.empty(0)
        if place < len(self._sorted):
            return float(self._sorted[place])
        return self.high if place - len(self._sorted) < self.at_most else None
