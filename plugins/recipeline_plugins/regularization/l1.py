"""A penalty that makes weights exactly small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat

from recipeline import Proximal, Regularization

if TYPE_CHECKING:
    import torch
    from torch import nn


class L1(Regularization, name="l1"):
    """Adds the sum of the weights' absolute values to the loss: pulls all weights to zero at the same rate.

        penalty = weight · sum |w|

    Useless weights end near zero (a gradient method jitters around it; with the optimizer `proximal_gradient` they are
    exactly zero), so the model relies on few features.
    Tibshirani 1996, Regression Shrinkage and Selection via the Lasso.
    """

    example = """
        regularization:
          - {type: l1, weight: 1e-3}
    """

    weight: NonNegativeFloat = 1e-4
    """How much the penalty counts against the loss; 0 turns it off."""
    parameters: Literal["weights", "all"] = "weights"
    """weights leaves out biases and the parameters of normalizations; all takes every trainable parameter."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Leave the network as it is, having checked that there is something to act on."""
        from recipeline_plugins.regularization.penalized import penalized

        penalized(model, self.parameters, "l1")
        return model

    def proximal(self, model: nn.Module) -> list[Proximal]:
        """Soft thresholding: what is nearer to zero than step · weight becomes zero, the rest comes nearer by it."""
        if self.weight == 0:
            return []
        from recipeline_plugins.regularization.penalized import penalized

        def shrink(value: torch.Tensor, step: float) -> torch.Tensor:
            from torch.nn.functional import softshrink

            return softshrink(value, step * self.weight)

        return [Proximal(w, shrink) for w in penalized(model, self.parameters, "l1")]

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """The penalty at the network's present weights."""
        if self.weight == 0:
            return None
        import torch

        from recipeline_plugins.regularization.penalized import penalized

        sums = [w.abs().sum() for w in penalized(model, self.parameters, "l1")]
        return self.weight * torch.stack(sums).sum()
