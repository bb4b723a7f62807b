"""A learning rate that falls in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(epoch: int, every: int, gamma: float) -> float:
    """Share of the first rate: gamma^floor(epoch / every), epochs from 0."""
    return gamma ** (epoch // every)


class Step(Scheduler, name="step"):
    """The learning rate stays for some epochs, then falls at once, and so on.

        lr(epoch) = lr · gamma^floor(epoch / every)          epochs from 0

    How He et al. 2016 (Deep Residual Learning) trained: a tenth whenever the loss had come to rest.
    """

    example = "scheduler: {type: step, every: 10, gamma: 0.5}"

    every: PositiveInt = 10
    """Epochs between two falls."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    """Share that is left after each fall: 1 never falls."""
    per: Per = "epoch"
    """epoch or step: what is counted."""

    def moves(self) -> Per:
        """As `per` says."""
        return self.per

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by epoch, or by step."""
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda epoch: factor(epoch, self.every, self.gamma))
