"""Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class NAdam(Optimizer, name="nadam"):
    """Adam whose mean of gradients looks one step ahead, as Nesterov's momentum does. Often a little faster.

        g = gradient + weight_decay w
        m = beta1 m + (1 - beta1) g              v = beta2 v + (1 - beta2) g²
        μ(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)
        m' = μ(t+1) m / (1 - μ(1)···μ(t+1)) + (1 - μ(t)) g / (1 - μ(1)···μ(t))
        w = w - lr m' / (sqrt(v / (1 - beta2^t)) + eps)                    t = 1, 2, ...

    Dozat 2016, Incorporating Nesterov Momentum into Adam, algorithm 2 with the schedule of its section 2.
    """

    example = "optimizer: {type: nadam, lr: 0.002}"

    lr: float = Field(default=0.002, gt=0)
    """Learning rate: about the size of a step."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the gradient's mean: 0.9 averages about ten steps."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Memory of the squared gradient's mean: 0.999 averages about a thousand steps."""
    momentum_decay: float = Field(default=0.004, ge=0)
    """How fast the momentum rises from beta1 / 2 to beta1; 0 leaves it at the half."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite; larger values make small gradients count less."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, added to the gradient as a penalty of weight_decay / 2 · sum w²."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The NAdam of torch over these parameters."""
        import torch

        return torch.optim.NAdam(
            parameters,
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            momentum_decay=self.momentum_decay,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
