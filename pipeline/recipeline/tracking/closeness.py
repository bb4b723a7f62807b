"""How close the metrics of one run come to those of another, value by value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recipeline.tracking.compare import order

Curves = dict[str, dict[int, float]]
"""Metric -> epoch -> value; what a run has once stands at 0."""

_BY_THE_CLOCK = ("time/", "system/")
_SPEED = "_per_second"


@dataclass(frozen=True, slots=True)
class Closeness:
    """One metric in two runs."""

    name: str
    then: float | None
    """The latest value of the run that was there first; None where it has none."""
    now: float | None
    """The latest value of the other."""
    values: int
    """How many values were compared."""
    differing: int
    """How many of them are not the very same number, those included that one of the two does not have."""
    largest: float | None
    """The largest difference of two values; None where no two differ."""
    share: float | None
    """The largest difference as a share of the larger of the two values."""
    first_epoch: int | None
    """The epoch from which on they differ; None where none does, and for what a run has once."""

    @property
    def identical(self) -> bool:
        """Whether every value is the very same number."""
        return not self.differing

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a machine."""
        return asdict(self) | {"identical": self.identical}


def closeness(then: Mapping[str, Mapping[int, float]], now: Mapping[str, Mapping[int, float]]) -> list[Closeness]:
    """Every metric of the two runs, those left out that say how fast something went."""
    names = sorted((name for name in {*then, *now} if not by_the_clock(name)), key=order)
    return [_compared(name, then.get(name, {}), now.get(name, {})) for name in names]


def by_the_clock(name: str) -> bool:
    """Whether a metric measures time: no two runs have the same."""
    return name.startswith(_BY_THE_CLOCK) or name.endswith(_SPEED)


def _compared(name: str, then: Mapping[int, float], now: Mapping[int, float]) -> Closeness:
    epochs = sorted({*then, *now})
    differing = [epoch for epoch in epochs if then.get(epoch, math.nan) != now.get(epoch, math.nan)]
    pairs = [(then[epoch], now[epoch]) for epoch in differing if epoch in then and epoch in now]
    return Closeness(
        name=name,
        then=_latest(then),
        now=_latest(now),
        values=len(epochs),
        differing=len(differing),
        largest=max((abs(a - b) for a, b in pairs), default=None),
        share=max((abs(a - b) / max(abs(a), abs(b)) for a, b in pairs), default=None),
        first_epoch=differing[0] if differing and differing[0] > 0 else None,
    )


def _latest(values: Mapping[int, float]) -> float | None:
    return values[max(values)] if values else None
