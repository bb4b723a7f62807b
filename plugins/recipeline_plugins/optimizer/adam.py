"""Adam, the optimizer to try first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Adam(Optimizer, name="adam"):
    """Adam: a step size for each parameter from running means of the gradient and its square. The one to try first.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g              v = beta2 v + (1 - beta2) g²
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)          t = 1, 2, ...

    Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1. Often printed without the divisions
    by 1 - beta^t: the first steps are then far off, since m and v start at 0. Or with `eps` inside the root, or
    added before v is corrected (the paper's "epsilon hat" variant, TensorFlow's): the same `eps` then means
    something else. Decay of weights that isn't divided by sqrt(v) is `adamw`.
    """

    example = "optimizer: {type: adam, lr: 0.001}"

    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the gradient's mean: 0.9 averages about ten steps."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Memory of the squared gradient's mean: 0.999 averages about a thousand steps."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite; larger values make small gradients count less."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, added to the gradient as a penalty of weight_decay / 2 · sum w²."""
    amsgrad: bool = False
    """Never let v fall (Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond)."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The Adam of torch over these parameters."""
        import torch

        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(
            torch.optim.Adam(
                parameters,
                lr=self.lr,
                betas=(self.beta1, self.beta2),
                eps=self.eps,
                weight_decay=self.weight_decay,
                amsgrad=self.amsgrad,
                fused=fused(parameters),
            )
        )
