"""A learning rate that falls along a power."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(move: int, moves: int, power: float, end: float) -> float:
    """Share of the first rate: end + (1 - end)(1 - move / moves)^power, moves from 0; at the end it stays."""
    return float(end + (1 - end) * (1 - min(move / max(moves, 1), 1)) ** power)


class Polynomial(Scheduler, name="polynomial"):
    """The learning rate falls along a power of the training that is left.

        lr(step) = lr · (end + (1 - end) · (1 - step / steps)^power)      steps from 0; after the last it is lr · end

    power 1 is `linear`; 0.9 is what segmentation uses (Liu, Rabinovich & Berg 2015, ParseNet), 2 falls fast first.
    """

    example = "scheduler: {type: polynomial, power: 2.0}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    power: PositiveFloat = 0.9
    """Below 1 it falls late, above 1 early."""
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
        return LambdaLR(optimizer, lambda move: factor(move, moves, self.power, self.end))
