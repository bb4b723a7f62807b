"""The mean absolute error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class MeanAbsoluteError(Loss, name="mae"):
    """Mean absolute error: a regression that outliers can't dominate.

        loss = mean |prediction - target|       over rows and targets

    Its minimum is the median of the target given the inputs. The gradient has the same size however small the
    error is, so let the learning rate fall. Boscovich 1757; Laplace 1789.
    """

    example = """
        loss: mae
        scheduler: cosine
    """

    tasks: ClassVar[set[Task]] = {"regression"}
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "scheduler.fixed": "the gradient is as large near the minimum as far off, so the weights never come to rest",
    }

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from torch import nn

        return nn.L1Loss()
