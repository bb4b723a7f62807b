"""The share of a class's rows that are found."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Recall(Metric, name="recall"):
    """Of the rows of a class, the share that were found: how little is missed.

        recall = true positives / (true positives + false negatives)

    Two classes: of the second one (sensitivity). 0 for a class that has no row and was predicted; one that is
    neither there nor predicted is left out of macro. See `balanced_accuracy` for the mean over the classes there.

    van Rijsbergen 1979, Information Retrieval.
    """

    example = """
        metrics: [recall]
        regularization:
          - {type: early_stopping, monitor: val/recall, patience: 10}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}

    average: Literal["macro", "micro", "weighted"] | None = None
    """How classes or labels are put together. macro: each counts the same; weighted: by its rows; micro: all
    decisions in one count. null is the second class alone for two classes, and macro for more or for labels."""

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts right and wrong answers by class."""
        from recipeline_plugins.metric.class_counts import ClassCounts, recall

        average = self.average or ("second" if target.task == "binary" else "macro")
        return ClassCounts(target.outputs, partial(recall, average=average))
