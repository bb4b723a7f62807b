"""The deviance of predicted rates from counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class PoissonDeviance(Metric, name="poisson_deviance"):
    """Poisson deviance: how far predicted rates are from counts, an error of 1 counting more where few are expected.

        poisson_deviance = mean over rows 2 (y log(y / rate) - y + rate)        0 log 0 = 0

    0 is best; about 1 is what counts that really are Poisson distributed leave, where their rates aren't small. It
    belongs to the loss `poisson`. A prediction below 1e-6 counts as 1e-6, and a truth below 0, which is no count, as
    0. Several targets: the mean of theirs. Nelder & Wedderburn 1972, Generalized Linear Models.
    """

    example = """
        loss: poisson
        metrics: [poisson_deviance, mae]
    """

    tasks: ClassVar[set[Task]] = {"regression"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts the deviance of each row."""
        from recipeline_plugins.metric.row_means import RowMean, poisson_deviances

        return RowMean(poisson_deviances)
