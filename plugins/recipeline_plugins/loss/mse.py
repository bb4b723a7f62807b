"""The mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class MeanSquaredError(Loss, name="mse"):
    """Mean squared error: the usual loss of a regression; large errors count most.

        loss = mean (prediction - target)²      over rows and targets

    Its minimum is the mean of the target given the inputs. One outlier of 10 weighs as much as a hundred errors of
    1: see `huber` and `mae`. Legendre 1805; Gauss 1809.
    """

    example = "loss: mse"

    tasks: ClassVar[set[Task]] = {"regression"}

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from torch import nn

        return nn.MSELoss()
