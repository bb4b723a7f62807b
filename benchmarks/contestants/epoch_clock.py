"""What an epoch takes: wall time, and processor time of the thread that trains; its train part, and with validation."""

from __future__ import annotations

import json
import statistics
import time

Mark = tuple[float, float]


def now() -> Mark:
    """Wall time and the main thread's processor time."""
    return time.perf_counter(), time.thread_time()


class EpochClock:
    """Told when an epoch starts, when its last train batch is done, and when all of it is over."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self._start = self._trained = now()

    def start(self) -> None:
        self._start = self._trained = now()

    def trained(self) -> None:
        self._trained = now()

    def end(self) -> None:
        end = now()
        parts = {"train": self._trained, "epoch": end}
        self.epochs.append(
            {
                f"{part}{kind}": after[place] - self._start[place]
                for part, after in parts.items()
                for place, kind in enumerate(("", "_cpu"))
            }
        )

    def per_step(self, steps: int) -> dict[str, float]:
        """Microseconds a step: the middle of the epochs, without the first, in which everything is touched first."""
        every = self.each(steps)
        counted = every[1:] or every
        return {key: statistics.median(each[key] for each in counted) for key in counted[0]}

    def each(self, steps: int) -> list[dict[str, float]]:
        """The same of every epoch, microseconds a step."""
        return [{f"{key}_us": spent / steps * 1e6 for key, spent in each.items()} for each in self.epochs]


def say(**results: object) -> None:
    """The line that the benchmark reads."""
    print("RESULT", json.dumps(results), flush=True)
