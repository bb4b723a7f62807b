"""The correlation of predicted and true classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Matthews(Metric, name="matthews"):
    """Correlation of predicted and true classes: -1 to 1, and 0 for guessing however unequal they are.

        (tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn))          for two classes

    For several classes Gorodkin's R_K. 0 where all rows are of one class or are predicted as one: there is nothing
    to correlate. Matthews 1975; Gorodkin 2004.
    """

    example = "metrics: [matthews, f1]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    higher_is_better: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts predicted and true rows by class."""
        from recipeline_plugins.metric.class_counts import ClassCounts, matthews

        return ClassCounts(target.outputs, matthews)
