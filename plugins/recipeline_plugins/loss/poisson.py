"""The likelihood of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

    from recipeline import Task


class Poisson(Loss, name="poisson"):
    """For counts, such as visits in a year: the rate at which they come, never below zero.

        z = what the network gives, the logarithm of the rate
        loss = mean exp(z) - y z          the negative log-likelihood without log y!, which no weight changes

    Predictions, metrics and the logged model show the rate exp(z), in the target's own unit. So the target is not
    normalized: `normalize_target` is left out of the usual preprocessing, and refused where a recipe names it. A
    target below 0 is refused with its row; counts need not be whole. It assumes that the variance equals the mean,
    which is for the intervals to suffer from, not for the rates. With `linear` it is Poisson regression. The metric to
    go with it is `poisson_deviance`. Nelder & Wedderburn 1972, Generalized Linear Models.
    """

    example = """
        data:
          source: {type: csv, path: visits.csv}
          target: visits_per_year
          task: regression
        architecture: linear
        loss: poisson
        metrics: [poisson_deviance, mae]
    """

    tasks: ClassVar[set[Task]] = {"regression"}
    raw_target: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> LossFunction:
        """Logarithms of rates and counts, both (batch, targets), to a scalar."""
        from recipeline_plugins.loss.error_functions import poisson

        return poisson

    def link(self, outputs: torch.Tensor, target: TargetSpec) -> torch.Tensor:
        """The rates."""
        return outputs.exp()

    def unlearnable(self, values: np.ndarray, target: TargetSpec) -> np.ndarray | None:
        """What is below zero."""
        return values < 0
