"""Contestants in turn, round by round: a busy minute falls on all of them, and ratios are of one round."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from measuring.programs import Failed

Measures = dict[str, float]
Contestant = Callable[[], Measures]


@dataclass(slots=True)
class Rounds:
    """What each contestant has measured in each round that it took part in."""

    measured: dict[str, dict[int, Measures]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Why a contestant is not in the table."""
    seconds: float = 0.0
    """All rounds together."""

    def add(self, other: Rounds) -> None:
        """Take in what the same contestants have measured of other things."""
        for name, found in other.measured.items():
            for turn, measures in found.items():
                self.measured[name].setdefault(turn, {}).update(measures)
        self.failed |= other.failed
        self.seconds += other.seconds

    def names(self) -> list[str]:
        """Who has measured something, in order."""
        return [name for name, found in self.measured.items() if found]

    def median(self, name: str, measure: str) -> float | None:
        """The middle of a contestant's measurements; None where it has none of this kind."""
        found = [each[measure] for each in self.measured[name].values() if measure in each]
        return statistics.median(found) if found else None

    def ratios(self, name: str, to: str, measure: str) -> list[float]:
        """A contestant's measure over another's, round by round."""
        mine, other = self.measured[name], self.measured.get(to, {})
        return [
            mine[turn][measure] / other[turn][measure]
            for turn in mine
            if turn in other and measure in mine[turn] and other[turn].get(measure)
        ]


def alternate(
    contestants: Mapping[str, Contestant], rounds: int, *, fewer: Mapping[str, int] | None = None, warm_up: bool = False
) -> Rounds:
    """Run all contestants in turn, in every second round from the last to the first.

    Args:
        contestants: Each measures itself once, by name.
        rounds: How often each has its turn.
        fewer: Contestants that take part in the first so many rounds only, because they take long.
        warm_up: Whether a first round fills the file cache and is not counted.
    """
    found = Rounds({name: {} for name in contestants})
    began = time.perf_counter()
    for turn in range(-1 if warm_up else 0, rounds):
        order = list(contestants) if turn % 2 == 0 else list(contestants)[::-1]
        for name in order:
            if name in found.failed or turn >= (fewer or {}).get(name, rounds):
                continue
            try:
                measured = contestants[name]()
            except Failed as failure:
                found.failed[name] = str(failure)
                found.measured[name].clear()
                print(f"{name}: {failure}", file=sys.stderr)
                continue
            if turn >= 0:
                found.measured[name][turn] = measured
            print(f"  round {turn + 1}/{rounds}  {name}", file=sys.stderr)
    found.seconds = time.perf_counter() - began
    return found
