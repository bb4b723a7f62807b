"""The mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class MeanAbsoluteError(Metric, name="mae"):
    """Mean absolute error: how far off a prediction is on average, in the target's own unit.

        mae = mean over rows |prediction - truth|

    Several targets: the mean of theirs, each in its own unit.

    Willmott & Matsuura 2005, Advantages of the Mean Absolute Error over the Root Mean Square Error.
    """

    example = "metrics: [mae]"

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts absolute errors."""
        from recipeline_plugins.metric.row_means import RowMean, absolute_errors

        return RowMean(absolute_errors)
