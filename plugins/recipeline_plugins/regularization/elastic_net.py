"""A penalty between l1 and l2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat

from recipeline import Proximal, Regularization

if TYPE_CHECKING:
    import torch
    from torch import nn


class ElasticNet(Regularization, name="elastic_net"):
    """A mixture of `l1` and `l2`: few features, but related ones together.

        penalty = weight · (ratio · sum |w| + (1 - ratio) · sum w²)

    ratio 1 is `l1`, ratio 0 is `l2`. scikit-learn's ElasticNet has half of the second term.
    Zou & Hastie 2005, Regularization and Variable Selection via the Elastic Net.
    """

    example = """
        regularization:
          - {type: elastic_net, weight: 1e-3, ratio: 0.5}
    """

    weight: NonNegativeFloat = 1e-4
    """How much the penalty counts against the loss; 0 turns it off."""
    ratio: float = Field(default=0.5, ge=0, le=1)
    """Share of the absolute values; the rest is the squares'."""
    parameters: Literal["weights", "all"] = "weights"
    """weights leaves out biases and the parameters of normalizations; all takes every trainable parameter."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Leave the network as it is, having checked that there is something to act on."""
        from recipeline_plugins.regularization.penalized import penalized

        penalized(model, self.parameters, "elastic_net")
        return model

    def proximal(self, model: nn.Module) -> list[Proximal]:
        """Soft thresholding by the absolute values' share, then shrinking by the squares'."""
        if self.weight == 0:
            return []
        from recipeline_plugins.regularization.penalized import penalized

        def shrink(value: torch.Tensor, step: float) -> torch.Tensor:
            from torch.nn.functional import softshrink

            absolute, squared = step * self.weight * self.ratio, step * self.weight * (1 - self.ratio)
            return softshrink(value, absolute) / (1 + 2 * squared)

        return [Proximal(w, shrink) for w in penalized(model, self.parameters, "elastic_net")]

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """The penalty at the network's present weights."""
        if self.weight == 0:
            return None
        import torch

        from recipeline_plugins.regularization.penalized import penalized

        weights = penalized(model, self.parameters, "elastic_net")
        absolute = torch.stack([w.abs().sum() for w in weights]).sum()
        squared = torch.stack([w.square().sum() for w in weights]).sum()
        return self.weight * (self.ratio * absolute + (1 - self.ratio) * squared)
