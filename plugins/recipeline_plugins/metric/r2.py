"""The share of the variance that is explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class R2(Metric, name="r2"):
    """Share of the target's variance that the predictions explain: 1 is perfect, 0 is the mean.

        r2 = 1 - sum (prediction - truth)² / sum (truth - mean truth)²

    Negative where always predicting the mean of these rows would do better. Several targets: the mean of theirs.
    A target that doesn't vary (or a single row) has no variance to explain: 1 where every prediction is exact, else
    0, as in scikit-learn. Wright 1921, Correlation and Causation.
    """

    example = "metrics: [r2, rmse]"

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts errors and spread."""
        from recipeline_plugins.metric.explained_variance import ExplainedVariance

        return ExplainedVariance(target.outputs)
