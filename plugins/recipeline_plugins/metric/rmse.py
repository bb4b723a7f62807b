"""The root of the mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class RootMeanSquaredError(Metric, name="rmse"):
    """Root mean squared error: the size of a typical error, in the target's own unit.

        rmse = sqrt(mean over rows (prediction - truth)²)

    Several targets: the mean of theirs, each in its own unit. Large errors count more than in `mae`.

    Willmott & Matsuura 2005, Advantages of the Mean Absolute Error over the Root Mean Square Error.
    """

    example = "metrics: [rmse, mae]"

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts squared errors and takes the root for each target."""
        import torch

        from recipeline_plugins.metric.row_means import RowMean, squared_errors

        return RowMean(squared_errors, finish=torch.sqrt)
