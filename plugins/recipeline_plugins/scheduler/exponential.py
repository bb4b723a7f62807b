"""A learning rate that falls by the same share each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(epoch: int, gamma: float) -> float:
    """Share of the first rate: gamma^epoch, epochs from 0."""
    return gamma**epoch


class Exponential(Scheduler, name="exponential"):
    """The learning rate falls by the same share after every epoch.

        lr(epoch) = lr · gamma^epoch             epochs from 0

    After n epochs gamma^n is left: 0.95 leaves 36 % after 20 epochs and 0.6 % after 100.

    Senior et al. 2013, An Empirical Study of Learning Rates in Deep Neural Networks for Speech Recognition.
    """

    example = "scheduler: {type: exponential, gamma: 0.95}"

    gamma: float = Field(default=0.95, gt=0, le=1)
    """Share that is left after each epoch: 1 never falls."""
    per: Per = "epoch"
    """epoch or step: what is counted."""

    def moves(self) -> Per:
        """As `per` says."""
        return self.per

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by epoch, or by step."""
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda epoch: factor(epoch, self.gamma))
