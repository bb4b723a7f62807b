"""A learning rate that falls along a straight line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(step: int, steps: int, end: float) -> float:
    """Share of the first rate: from 1 at step 0 along a line to `end` at step `steps`, and there it stays."""
    return 1 + (end - 1) * min(step / max(steps, 1), 1)


class Linear(Scheduler, name="linear"):
    """The learning rate falls along a straight line over the whole training, step by step.

        lr(step) = lr · (1 + (end - 1) · step / steps)       steps from 0; after the last one it is lr · end

    It depends on `training.epochs`: a longer training falls more slowly. Defazio et al. 2023 (When, Why and How Much?)
    found it as good as any schedule.
    """

    example = "scheduler: {type: linear, end: 0.0, warmup_epochs: 0.5}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    end: float = Field(default=0.0, ge=0, le=1)
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
        return LambdaLR(optimizer, lambda move: factor(move, moves, self.end))
