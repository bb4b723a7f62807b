"""The logarithm of the hyperbolic cosine of the error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class LogCosh(Loss, name="log_cosh"):
    """Quadratic near zero and linear far out, smooth everywhere: `huber` without a corner and without a setting.

        e = prediction - target
        loss = mean log cosh e            e² / 2 for small e, |e| - log 2 for large

    Its gradient is tanh e, so an outlier pulls with 1 at most. Where it turns is fixed at about one unit of the
    normalized target; `huber` has a setting for it. Green 1990, Bayesian Reconstructions from Emission Tomography
    Data Using a Modified EM Algorithm.
    """

    example = "loss: log_cosh"

    tasks: ClassVar[set[Task]] = {"regression"}

    def build(self, target: TargetSpec) -> LossFunction:
        """Predictions and targets, both (batch, targets), to a scalar."""
        from recipeline_plugins.loss.error_functions import log_cosh

        return log_cosh
