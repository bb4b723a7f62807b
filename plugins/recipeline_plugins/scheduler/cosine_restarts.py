"""A learning rate that falls along a cosine, again and again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from recipeline import Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(step: int, first: int, growth: int, minimum: float) -> float:
    """Share of the first rate: half a cosine from 1 towards `minimum` in each period, steps from 0.

    The first period has `first` steps, each later one `growth` times as many as the one before.
    """
    period = first
    while step >= period:
        step, period = step - period, period * growth
    return minimum + (1 - minimum) * (1 + math.cos(math.pi * step / period)) / 2


class CosineRestarts(Scheduler, name="cosine_restarts"):
    """The learning rate falls along half a cosine, jumps back to its start, and falls again, each time longer.

        lr(step) = lr · (min + (1 - min) · (1 + cos(π · t / T)) / 2)      t steps into a period of T

    Loshchilov & Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts. The model is good at the ends of
    periods: let `training.epochs` end one (first 10 and growth 2: 10, 30, 70, 150).
    """

    example = """
        scheduler: {type: cosine_restarts, first: 10, growth: 2}
        training: {epochs: 70}      # 10 + 20 + 40
    """

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    first: PositiveFloat = 10.0
    """Epochs of the first period; fractions are allowed."""
    growth: PositiveInt = 2
    """How many times longer each period is than the one before; 1 keeps them equal."""
    min: float = Field(default=0.0, ge=0, le=1)
    """Share of the rate that is left at the end of a period."""

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by step."""
        from torch.optim.lr_scheduler import LambdaLR

        from recipeline_plugins.scheduler.per import steps_of

        first = steps_of(self.first, length)
        return LambdaLR(optimizer, lambda step: factor(step, first, self.growth, self.min))
