"""A penalty that keeps weights small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import NonNegativeFloat

from recipeline import Regularization

if TYPE_CHECKING:
    import torch
    from torch import nn


class L2(Regularization, name="l2"):
    """Adds the sum of the squared weights to the loss: pulls large weights most, and none to zero.

        penalty = weight · sum w²                its gradient: 2 · weight · w

    Without the factor 1/2 that is often printed: an optimizer's `weight_decay` of 2 · weight has the same gradient.
    With `adam` that gradient is divided by the root of v as the loss's own is, so weights with large gradients hardly
    shrink: see `adamw` for decay that doesn't depend on it.
    Hoerl & Kennard 1970, Ridge Regression; Krogh & Hertz 1991, A Simple Weight Decay Can Improve Generalization.
    """

    example = """
        regularization:
          - {type: l2, weight: 1e-4}
    """
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("optimizer.adam", "optimizer.nadam", "optimizer.radam", "optimizer.adamax", "optimizer.rmsprop"),
        "the penalty's gradient is divided as the loss's own is, so weights with large "
        "gradients hardly shrink: `optimizer.adamw` decays all alike",
    )

    weight: NonNegativeFloat = 1e-4
    """How much the penalty counts against the loss; 0 turns it off."""
    parameters: Literal["weights", "all"] = "weights"
    """weights leaves out biases and the parameters of normalizations; all takes every trainable parameter."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Leave the network as it is, having checked that there is something to act on."""
        from recipeline_plugins.regularization.penalized import penalized

        penalized(model, self.parameters, "l2")
        return model

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """The penalty at the network's present weights."""
        if self.weight == 0:
            return None
        import torch

        from recipeline_plugins.regularization.penalized import penalized

        sums = [w.square().sum() for w in penalized(model, self.parameters, "l2")]
        return self.weight * torch.stack(sums).sum()
