"""A learning rate that falls along half a cosine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(step: int, steps: int, minimum: float) -> float:
    """Share of the first rate: half a cosine from 1 at step 0 to `minimum` at step `steps`, and there it stays."""
    return minimum + (1 - minimum) * (1 + math.cos(math.pi * min(step / max(steps, 1), 1))) / 2


class Cosine(Scheduler, name="cosine"):
    """The learning rate falls along half a cosine over the whole training, step by step.

        lr(step) = lr · (min + (1 - min) · (1 + cos(π · step / steps)) / 2)       steps from 0

    Slowly at first, fast in the middle, slowly at the end, where it is lr · min. It depends on `training.epochs`: a
    longer training falls more slowly. Loshchilov & Hutter 2017, SGDR, without the restarts.
    """

    example = "scheduler: {type: cosine, min: 0.01, warmup_epochs: 1}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    min: float = Field(default=0.0, ge=0, le=1)
    """Share of the rate that is left at the end: 0 falls to nothing, 1 never falls."""
    per: Per = "step"
    """step moves after each optimizer step, epoch after each epoch."""

    def moves(self) -> Per:
        """As `per` says."""
        return self.per

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule over the whole training."""
        from torch.optim.lr_scheduler import LambdaLR

        from recipeline_plugins.scheduler.per import moves_in

        moves = moves_in(length, self.per)
        return LambdaLR(optimizer, lambda move: factor(move, moves, self.min))
