"""A learning rate that rises to a peak and falls to almost nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from recipeline import Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

Shape = Literal["cosine", "linear"]


def between(start: float, end: float, share: float, shape: Shape) -> float:
    """From start to end as share goes from 0 to 1."""
    if shape == "linear":
        return start + (end - start) * share
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def factor(step: int, steps: int, rise: float, start: float, end: float, shape: Shape) -> float:
    """Share of the peak: from `start` at step 0 to 1 at `rise` of the way, then to `end` at the last step."""
    last = max(steps - 1, 1)
    top = rise * steps - 1
    if step <= top:
        return between(start, 1.0, step / top, shape) if top > 0 else 1.0
    return between(1.0, end, min((step - max(top, 0)) / max(last - max(top, 0), 1e-9), 1.0), shape)


class OneCycle(Scheduler, name="one_cycle"):
    """The learning rate rises to `lr` and then falls far below where it began: fast training with large rates.

        lr(step): from lr / div up to lr at step rise · steps - 1, then down to lr / div / final_div at the last step

    Smith & Topin 2018, Super-Convergence, as torch's OneCycleLR does it, which also turns momentum down and up
    again; here the momentum stays. `lr` is the peak: take 3 to 10 times what a fixed rate would be.
    """

    example = """
        optimizer: {type: sgd, lr: 0.3, momentum: 0.9}      # the peak
        scheduler: {type: one_cycle, rise: 0.3}
    """

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    rise: float = Field(default=0.3, gt=0, lt=1)
    """Share of the training in which the rate rises."""
    div: float = Field(default=25.0, ge=1)
    """How many times smaller than `lr` the rate begins."""
    final_div: float = Field(default=1e4, ge=1)
    """How many times smaller than its beginning it ends."""
    shape: Shape = "cosine"
    """Along half a cosine, or along straight lines."""

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by step."""
        from torch.optim.lr_scheduler import LambdaLR

        start, end = 1 / self.div, 1 / self.div / self.final_div
        return LambdaLR(optimizer, lambda step: factor(step, length.steps, self.rise, start, end, self.shape))
