"""Exact quantiles of columns of any length in little memory: a sample says where to look, a second pass looks there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recipeline import Preprocessing
from recipeline_plugins.preprocessing._column_types import require_numbers
from recipeline_plugins.preprocessing._statistics import batches, refuse_infinite, refuse_overflow, value

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

KEPT = 131_072
"""Values that a sample has at most; a column of no more is its own sample, and needs no second pass."""

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
    samples = {name: _Sample() for name in names}
    for batch in batches(frame, names):
        for name in names:
            samples[name].add(batch[name].drop_nulls().to_numpy())
    if not skip_infinite:
        refuse_infinite(step, {name: sample.infinite for name, sample in samples.items()})
    # A quantile lies between two neighbouring ranks, which one window holds.
    places = {name: [share * (samples[name].count - 1) for share in shares] for name in names if samples[name].count}
    windows = {name: [samples[name].window(math.floor(place)) for place in places[name]] for name in places}
    unread = [name for name in places if not samples[name].whole]
    if unread:
        for batch in batches(frame.select(unread), unread):
            for name in unread:
                values = batch[name].drop_nulls().to_numpy()
                values = values[np.isfinite(values)] if samples[name].infinite else values
                for window in windows[name]:
                    window.add(values)
    found: dict[str, list[float | None]] = {}
    for name in names:
        if name not in places:
            found[name] = [None] * len(shares)
            continue
        ends = [(math.floor(place), math.ceil(place)) for place in places[name]]
        pairs = [(window.at(low), window.at(high)) for window, (low, high) in zip(windows[name], ends, strict=True)]
        if any(None in pair for pair in pairs):  # the sample has misled us, as rows in a cunning order can
            column = frame.select(value(name)).collect(engine="streaming")[name].drop_nulls().to_numpy()
            column = np.partition(column[np.isfinite(column)], sorted({rank for pair in ends for rank in pair}))
            pairs = [(float(column[below]), float(column[above])) for below, above in ends]
        found[name] = [_between(pair, place % 1) for pair, place in zip(pairs, places[name], strict=True)]
    refuse_overflow(step, {name: {str(place): at for place, at in enumerate(found[name])} for name in names})
    return found


def _between(pair: tuple[float | None, float | None], share: float) -> float | None:
    """The value so far on the way from one to the other."""
    below, above = pair
    if below is None or above is None:
        return None
    return below * 0.5 + above * 0.5 if share == 0.5 else below + (above - below) * share


@dataclass(slots=True)
class _Sample:
    """Every k-th finite value of a column, k such that there are not too many."""

    count: int = 0
    """Finite values seen."""
    infinite: int = 0
    every: int = 1
    _parts: list[np.ndarray] = field(default_factory=list)
    _size: int = 0
    _sorted: np.ndarray | None = None

    def add(self, values: np.ndarray) -> None:
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            all_finite = math.isfinite(values.sum())
        if not all_finite:
            finite = values[np.isfinite(values)]
            self.infinite += len(values) - len(finite)
            values = finite
        self._parts.append(values[-self.count % self.every :: self.every].copy())
        self.count += len(values)
        self._size += len(self._parts[-1])
        while self._size > KEPT:
            kept = np.concatenate(self._parts)[::2]
            self._parts, self._size, self.every = [kept], len(kept), self.every * 2

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.every == 1

    def window(self, rank: int) -> _Window:
        """Where the value of this rank lies, almost certainly."""
        import numpy as np

        if self._sorted is None:
            self._sorted = np.sort(np.concatenate(self._parts))
        if self.whole:
            exact, after = (float(self._sorted[min(place, self.count - 1)]) for place in (rank, rank + 1))
            return _Window(exact, after, below=rank, at_least=1, at_most=1)
        size = len(self._sorted)
        share = rank / (self.count - 1)
        place = share * (size - 1)
        reach = MARGIN * math.sqrt(max(share * (1 - share) * size, 1.0)) + 2
        low, high = math.floor(place - reach), math.ceil(place + reach)
        return _Window(
            -math.inf if low < 0 else float(self._sorted[low]),
            math.inf if high >= size else float(self._sorted[high]),
        )


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
