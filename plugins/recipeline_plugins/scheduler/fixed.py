"""A learning rate that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


class Fixed(Scheduler, name="fixed"):
    """The learning rate stays as it is, after the warm-up if there is one.

        lr(t) = lr

    Robbins & Monro 1951 (A Stochastic Approximation Method) show why a rate that stays ends near the minimum and
    not in it: the steps keep the gradient's noise.
    """

    example = "scheduler: {type: fixed, warmup_epochs: 1}"

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """A schedule with the factor 1 for every epoch."""
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda _epoch: 1.0)
