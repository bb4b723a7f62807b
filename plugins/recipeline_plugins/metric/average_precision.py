"""The area under the precision-recall curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class AveragePrecision(Metric, name="average_precision"):
    """Area under the precision-recall curve: how clean the top of the ranking is.

        ap = sum over thresholds (recall[n] - recall[n-1]) precision[n]

    Guessing gives the share of the positive class, so it suits rare ones better than `roc_auc`. Without
    interpolation, ties included, as in scikit-learn. Several classes or labels: the mean over each against the rest.
    One that no row has can't be found and is left out; where none is left the value is 0.
    Zhu 2004, Recall, Precision and Average Precision.
    """

    example = "metrics: [average_precision, roc_auc]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    higher_is_better: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> TorchMetric:
        """Keeps the predictions and ranks them at the end."""
        from recipeline_plugins.metric.ranking import RankingScore, average_precision

        return RankingScore(average_precision, undefined=0.0)
