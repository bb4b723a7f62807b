"""A learning rate that falls at given times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from pydantic import Field, PositiveInt, model_validator

from recipeline import Length, Scheduler
from recipeline_plugins.scheduler.per import Per

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(move: int, at: Sequence[int], gamma: float) -> float:
    """Share of the first rate: gamma^(how many of `at` have come), moves from 0."""
    return gamma ** bisect_right(at, move)


class MultiStep(Scheduler, name="multi_step"):
    """The learning rate stays, and falls at once at given epochs.

        lr(epoch) = lr · gamma^(how many of `at` are <= epoch)           epochs from 0

    With `at: [30, 60]` the 31st and the 61st epoch are the first with the smaller rate. As He et al. 2016 (Deep
    Residual Learning) trained CIFAR-10, at 32,000 and 48,000 steps.
    """

    example = """
        scheduler: {type: multi_step, at: [30, 60], gamma: 0.1}
        training: {epochs: 90}
    """

    at: list[PositiveInt] = Field(min_length=1)
    """The epochs at which it falls, counted from 0, in order."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    """Share that is left after each fall: 1 never falls."""
    per: Per = "epoch"
    """epoch or step: what `at` counts."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.at)):
            raise ValueError(f"at has to rise from each to the next, for instance {sorted(set(self.at))}")
        return self

    def moves(self) -> Per:
        """As `per` says."""
        return self.per

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule."""
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda move: factor(move, self.at, self.gamma))
