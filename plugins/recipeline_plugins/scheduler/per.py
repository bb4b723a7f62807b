"""Whether a schedule counts epochs or optimizer steps."""

from __future__ import annotations

from typing import Literal

from recipeline import Length

Per = Literal["epoch", "step"]


def moves_in(length: Length, per: Per) -> int:
    """How many moves a training of this length has."""
    return length.epochs if per == "epoch" else length.steps


def steps_of(epochs: float, length: Length) -> int:
    """Epochs, fractions too, as a whole number of optimizer steps; at least one."""
    return max(1, round(epochs * length.steps_per_epoch))
