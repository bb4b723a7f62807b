"""The pinball loss of predicted quantiles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class Pinball(Metric, name="pinball"):
    """Pinball loss: how good the predictions are as a quantile, in the target's own unit.

        e = truth - prediction
        pinball = mean over rows max(q e, (q - 1) e)

    q 0.5 is half of `mae`. Several targets: the mean of theirs. It belongs to the loss `quantile` of the same q.
    Koenker & Bassett 1978, Regression Quantiles.
    """

    example = """
        loss: {type: quantile, q: 0.9}
        metrics:
          - {type: pinball, q: 0.9}
    """

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = False

    q: float = Field(default=0.5, gt=0, lt=1)
    """The share of rows that should lie below the prediction."""

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts the loss of each row."""
        from recipeline_plugins.metric.row_means import RowMean, pinballs

        return RowMean(partial(pinballs, q=self.q))
