"""The accuracy if all classes were equally frequent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class BalancedAccuracy(Metric, name="balanced_accuracy"):
    """Accuracy if all classes were equally frequent: the mean of the classes' recalls.

        balanced_accuracy = mean over classes (rows of the class predicted as it / rows of the class)

    Always naming the largest of k classes gives 1/k, however large it is. A class without a row in the part has no
    recall and is left out, as in scikit-learn. Brodersen et al. 2010.
    """

    example = "metrics: [accuracy, balanced_accuracy]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    higher_is_better: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts predicted and true rows by class."""
        from recipeline_plugins.metric.class_counts import ClassCounts, balanced_accuracy

        return ClassCounts(target.outputs, balanced_accuracy)
