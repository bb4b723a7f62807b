"""The area under the ROC curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class RocAuc(Metric, name="roc_auc"):
    """Area under the ROC curve: how often a row of the class is ranked above a row of another.

        auc = P(p of a positive row > p of a negative row) + P(equal) / 2

    0.5 is guessing, 1 a perfect ranking; it doesn't depend on a threshold, nor on how frequent the classes are.
    Exact, ties included: all predictions of a part are kept until its end. Several classes or labels: the mean over
    each against the rest. One that no row has, or every row, can't be ranked and is left out; where none is left
    (a part with one class) the value is 0.5, which says nothing. Hanley & McNeil 1982.
    """

    example = """
        metrics: [roc_auc]
        training: {monitor: val/roc_auc}      # which epoch is the best one
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    higher_is_better: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> TorchMetric:
        """Keeps the predictions and ranks them at the end."""
        from recipeline_plugins.metric.ranking import RankingScore, roc_auc

        return RankingScore(roc_auc, undefined=0.5)
