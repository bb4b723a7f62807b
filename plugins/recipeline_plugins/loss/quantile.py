"""The pinball loss of a quantile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class Quantile(Loss, name="quantile"):
    """Pinball loss: the prediction is a quantile of the target, above which a share of 1 - q lies.

        e = target - prediction
        loss = mean max(q e, (q - 1) e)        over rows and targets

    q 0.5 gives half of `mae`, the median. Two runs with q 0.05 and 0.95 give the ends of an interval that holds 90 %
    of the rows. Quantiles go through `normalize_target` and back unharmed. Measure it with the metric `pinball`.
    Koenker & Bassett 1978, Regression Quantiles.
    """

    example = """
        loss: {type: quantile, q: 0.95}
        metrics:
          - {type: pinball, q: 0.95}
    """

    tasks: ClassVar[set[Task]] = {"regression"}

    q: float = Field(default=0.5, gt=0, lt=1)
    """The share of rows that should lie below the prediction."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from recipeline_plugins.loss.error_functions import pinball

        return partial(pinball, q=self.q)
