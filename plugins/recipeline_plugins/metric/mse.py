"""The mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class MeanSquaredError(Metric, name="mse"):
    """Mean squared error, in the square of the target's unit: large errors count most.

        mse = mean over rows (prediction - truth)²

    Several targets: the mean of theirs, each in its own unit. The root of it, `rmse`, is easier to read.

    Gauss 1823, Theoria Combinationis Observationum.
    """

    example = "metrics: [mse]"

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts squared errors."""
        from recipeline_plugins.metric.row_means import RowMean, squared_errors

        return RowMean(squared_errors)
