"""Noise on the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat

from recipeline import Regularization

if TYPE_CHECKING:
    from pytorch_lightning import Callback


class GradientNoise(Regularization, name="gradient_noise"):
    """Adds noise to the gradient before each step, less and less of it: shakes a deep network out of poor places.

        g = g + n        n ~ Normal(0, eta / (1 + t)^gamma) for every number        t: steps made so far

    eta and the power are of the variance, as in the paper. Behind a `gradient_clip` in the recipe's order the noise is
    added to what is left of the gradient, which is how the paper does it.
    Neelakantan et al. 2015, Adding Gradient Noise Improves Learning for Very Deep Networks.
    """

    example = """
        regularization:
          - {type: gradient_noise, eta: 0.01}
    """

    eta: PositiveFloat = 0.01
    """Variance of the noise at the first step; the paper tries 0.01, 0.3 and 1."""
    gamma: NonNegativeFloat = 0.55
    """How fast it fades: 0 keeps it as it is."""

    def callbacks(self) -> list[Callback]:
        """A callback that adds the noise before each optimizer step."""
        from recipeline_plugins.regularization.gradient_noise_callback import AddNoise

        return [AddNoise(self.eta, self.gamma)]
