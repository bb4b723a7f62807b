"""The balance of precision and recall."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class F1(Metric, name="f1"):
    """Harmonic mean of precision and recall: high only where both are.

        f1 = 2 tp / (2 tp + fp + fn)

    Two classes: of the second one. 0 where nothing of a class was found; a class that is neither there nor predicted
    is left out of macro, which is the mean of the classes' f1. van Rijsbergen 1979, Information Retrieval.
    """

    example = """
        metrics:
          - {type: f1, average: macro}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}

    average: Literal["macro", "micro", "weighted"] | None = None
    """How classes or labels are put together. macro: each counts the same; weighted: by its rows; micro: all
    decisions in one count. null is the second class alone for two classes, and macro for more or for labels."""

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts right and wrong answers by class."""
        from recipeline_plugins.metric.class_counts import ClassCounts, f1

        average = self.average or ("second" if target.task == "binary" else "macro")
        return ClassCounts(target.outputs, partial(f1, average=average))
