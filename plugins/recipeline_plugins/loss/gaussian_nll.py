"""The likelihood of a normal distribution whose variance is learnt as well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class GaussianNLL(Loss, name="gaussian_nll"):
    """Learns how uncertain each row is besides its value, so that noisy rows count less.

        m, s = what the network gives for each target: a mean and the logarithm of a variance
        v = floor + exp(s)
        loss = mean of  (log 2πv + (y - m)² / v) / 2        the negative log-likelihood of a normal distribution

    The network has two outputs for each target. Predictions and metrics show the mean; the variance weighs the rows
    while it learns, and is not shown. With a constant variance it is `mse`. Let the variance not run away early:
    normalize the target, and keep the learning rate moderate.
    Nix & Weigend 1994, Estimating the Mean and Variance of the Target Probability Distribution.
    """

    example = """
        preprocessing: [normalize_target]
        loss: gaussian_nll
        optimizer: {type: adam, lr: 0.001}
    """

    tasks: ClassVar[set[Task]] = {"regression"}

    floor: PositiveFloat = 1e-6
    """The smallest variance, in the square of the target's unit after normalization: keeps a row that is met exactly
    from counting without end."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Means and logarithms of variances (batch, 2 · targets), and targets (batch, targets), to a scalar."""
        from recipeline_plugins.loss.error_functions import gaussian_nll

        return partial(gaussian_nll, floor=self.floor)

    def outputs(self, target: TargetSpec) -> int:
        """Two for each target."""
        return 2 * target.outputs

    def link(self, outputs: torch.Tensor, target: TargetSpec) -> torch.Tensor:
        """The means."""
        return outputs[:, ::2]
