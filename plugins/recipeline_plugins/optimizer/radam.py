"""Adam that waits until it knows the gradient's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class RAdam(Optimizer, name="radam"):
    """Adam with a warm-up of its own: its steps adapt only as far as enough gradients have been seen.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g              v = beta2 v + (1 - beta2) g²
        R = 2 / (1 - beta2) - 1                  ρ = R - 2 t beta2^t / (1 - beta2^t)
        ρ > 5:  r = sqrt((ρ - 4)(ρ - 2) R / ((R - 4)(R - 2) ρ))
                w = w - lr r · m / (1 - beta1^t) · sqrt(1 - beta2^t) / (sqrt(v) + eps)
        else:   w = w - lr m / (1 - beta1^t)                               t = 1, 2, ...

    Liu et al. 2020, On the Variance of the Adaptive Learning Rate and Beyond, algorithm 2; it switches at ρ > 4, here
    as in torch and the authors' code at 5. With beta2 up to 0.8 it never switches and is momentum.
    """

    example = "optimizer: {type: radam, lr: 0.001}"

    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the gradient's mean: 0.9 averages about ten steps."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Memory of the squared gradient's mean: 0.999 averages about a thousand steps."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite; larger values make small gradients count less."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, added to the gradient as a penalty of weight_decay / 2 · sum w²."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The RAdam of torch over these parameters."""
        import torch

        return torch.optim.RAdam(
            parameters,
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
