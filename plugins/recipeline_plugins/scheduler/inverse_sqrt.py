"""A learning rate that rises, and falls as one over the root of the steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from recipeline import Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(step: int, peak: int) -> float:
    """Share of the peak rate: min((step + 1) / peak, sqrt(peak / (step + 1))), steps from 0."""
    number = step + 1
    return min(number / peak, math.sqrt(peak / number))


class InverseSqrt(Scheduler, name="inverse_sqrt"):
    """The learning rate rises along a line to `lr`, then falls as 1/sqrt(step): the Transformer's, of no fixed length.

        lr(step) = lr · min((step + 1) / peak, sqrt(peak / (step + 1)))           steps from 0

    Vaswani et al. 2017, Attention Is All You Need, section 5.3: there with `peak` 4000 and lr = 1 / sqrt(4000 d). It
    doesn't depend on `training.epochs`, so a training may be prolonged.
    """

    example = "scheduler: {type: inverse_sqrt, peak: 400}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    peak: PositiveInt = 400
    """The optimizer step that has the full rate; 1 begins with it and only falls."""

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by step."""
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda step: factor(step, self.peak))
