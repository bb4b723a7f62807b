"""The root of the mean squared error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class RootMeanSquaredError(Loss, name="rmse"):
    """Root mean squared error: `mse` with steps that don't shrink as the errors do.

        loss = sqrt(mean (prediction - target)²)        over rows and targets of the batch

    Its minimum on the whole train part is that of `mse`, and its gradient is that of `mse` divided by 2 loss: of the
    same size however small the error is. At an error of exactly zero, where the root has no slope, it is 0. The mean
    is the batch's: the root of it is on average below that of all rows, by more the smaller the batch, so `val/loss`
    depends on the batch size, and `metrics: [rmse]` measures it properly. With a batch of one row it is `mae`.
    Gauss 1823, Theoria Combinationis Observationum.
    """

    example = """
        loss: rmse
        training: {batch_size: 256}
    """

    tasks: ClassVar[set[Task]] = {"regression"}
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "training.batch_size": "small ones: the root of a mean of few rows is lower than that of all",
    }

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from recipeline_plugins.loss.error_functions import root_mean_squared_error

        return root_mean_squared_error
