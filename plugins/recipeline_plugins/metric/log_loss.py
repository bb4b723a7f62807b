"""The cross entropy of the predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class LogLoss(Metric, name="log_loss"):
    """Cross entropy of the predicted probabilities: how surprised the model is by the truth, in nats.

        log_loss = mean over rows -log p[y]      multilabel: mean over rows and labels

    0 is certain and right; log(k) is what equal probabilities for k classes give. Probabilities are kept at least
    2.2e-16 away from 0, so that one certain error costs 36 and not infinity, as in scikit-learn. Unlike the train
    loss it has no class weights, smoothing or penalties. Good 1952, Rational Decisions.
    """

    example = "metrics: [log_loss]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts the surprise of each row."""
        from recipeline_plugins.metric.row_means import RowMean, surprise

        return RowMean(surprise)
