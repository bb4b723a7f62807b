"""The share of right answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Accuracy(Metric, name="accuracy"):
    """Share of right answers. Easy to read, and flattering where one class is much larger than the others.

        accuracy = rows whose most probable class is the true one / rows

    Multilabel: the share of labels that are right (probability above 1/2 says yes), not of rows with all right.

    Sokolova & Lapalme 2009, A Systematic Analysis of Performance Measures for Classification Tasks.
    """

    example = "metrics: [accuracy]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts right answers."""
        from recipeline_plugins.metric.row_means import RowMean, right_answers

        return RowMean(right_answers)
