"""The Huber loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class Huber(Loss, name="huber"):
    """Quadratic near zero, linear beyond `delta`: a regression that outliers can't dominate.

        e = prediction - target
        loss = mean of   e² / 2                   where |e| <= delta
                         delta (|e| - delta / 2)  elsewhere

    A large `delta` gives half of `mse`, a small one `delta` times `mae`.
    Huber 1964, Robust Estimation of a Location Parameter.
    """

    example = "loss: {type: huber, delta: 0.5}"

    tasks: ClassVar[set[Task]] = {"regression"}

    delta: PositiveFloat = 1.0
    """Where the error turns from quadratic to linear, in the target's unit after normalization."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from torch import nn

        return nn.HuberLoss(delta=self.delta)
