"""The squared error of the predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Brier(Metric, name="brier"):
    """Squared error of the predicted probabilities: right, and honest about how sure it is.

        binary, multilabel:  mean (p - y)²                        0 is best, 0.25 is p = 1/2 everywhere
        multiclass:          mean over rows sum over classes (p - [class is y])²          0 to 2

    Brier 1950, Verification of Forecasts Expressed in Terms of Probability.
    """

    example = "metrics: [brier, log_loss]"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts the squared errors of each row."""
        from recipeline_plugins.metric.row_means import RowMean, brier_scores

        return RowMean(brier_scores)
