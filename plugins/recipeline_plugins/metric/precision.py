"""The share of a class's predictions that are right."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Precision(Metric, name="precision"):
    """Of the rows predicted as a class, the share that are of it: how far to trust a yes.

        precision = true positives / (true positives + false positives)

    Two classes: of the second one. 0 for a class that was never predicted; one that is neither there nor predicted
    is left out of macro.

    van Rijsbergen 1979, Information Retrieval.
    """

    example = """
        metrics:
          - {type: precision, average: macro}
          - {type: recall, average: macro}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}

    average: Literal["macro", "micro", "weighted"] | None = None
    """How classes or labels are put together. macro: each counts the same; weighted: by its rows; micro: all
    decisions in one count. null is the second class alone for two classes, and macro for more or for labels."""

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts right and wrong answers by class."""
        from recipeline_plugins.metric.class_counts import ClassCounts, precision

        average = self.average or ("second" if target.task == "binary" else "macro")
        return ClassCounts(target.outputs, partial(precision, average=average))
