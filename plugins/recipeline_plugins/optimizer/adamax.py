"""Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Adamax(Optimizer, name="adamax"):
    """Adam that divides by the largest recent gradient: no step is ever larger than `lr`. For rare, large gradients.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g
        u = max(beta2 u, |g| + eps)
        w = w - lr / (1 - beta1^t) · m / u                                 t = 1, 2, ...

    Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 2, which has no `eps`: it is there for
    gradients that are 0 from the start.
    """

    example = "optimizer: {type: adamax, lr: 0.002}"

    lr: float = Field(default=0.002, gt=0)
    """Learning rate: the most that a parameter moves in a step, once started."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the gradient's mean: 0.9 averages about ten steps."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """How fast a large gradient is forgotten: at 0.999 half of it is left after about 700 steps."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, added to the gradient as a penalty of weight_decay / 2 · sum w²."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The Adamax of torch over these parameters."""
        import torch

        return torch.optim.Adamax(
            parameters,
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
