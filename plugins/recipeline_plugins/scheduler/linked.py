"""What a schedule inside another one may be, and the length that it gets."""

from __future__ import annotations

import math

from recipeline import Length, Scheduler


def refuse(scheduler: Scheduler, outer: str) -> None:
    """Refuse what can't stand inside another schedule.

    Raises:
        ValueError: it watches a metric, or has a warm-up of its own.
    """
    name = scheduler.plugin_name
    if scheduler.monitors() is not None:
        raise ValueError(
            f"'{name}' watches a metric at the end of each epoch, so it can't stand inside '{outer}'. For a warm-up "
            f"in front of it write {{type: {name}, warmup_epochs: 2}}"
        )
    if scheduler.warmup_epochs > 0:
        raise ValueError(
            f"'{name}' inside '{outer}' can't have warmup_epochs of its own: put a warm-up in front as "
            "{type: warmup, epochs: 2, then: ...}, or give warmup_epochs to the whole"
        )


def part(steps: int, whole: Length) -> Length:
    """The length of a schedule that has so many of the training's steps: at least one, epochs rounded up."""
    steps = max(steps, 1)
    if steps < whole.steps_per_epoch:
        return Length(1, steps)
    return Length(math.ceil(steps / whole.steps_per_epoch), whole.steps_per_epoch)


def every(scheduler: Scheduler, whole: Length) -> int:
    """Optimizer steps between two moves."""
    return whole.steps_per_epoch if scheduler.moves() == "epoch" else 1
