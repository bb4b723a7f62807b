"""AdaGrad: parameters that seldom get a gradient take larger steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class AdaGrad(Optimizer, name="adagrad"):
    """Divides each parameter's step by the root of all its squared gradients so far. For sparse features.

        g = gradient + weight_decay w
        s = s + g²                               s starts at `initial`
        w = w - lr / (1 + (t - 1) lr_decay) · g / (sqrt(s) + eps)          t = 1, 2, ...

    Duchi, Hazan & Singer 2011, Adaptive Subgradient Methods. s never falls, so the steps shrink like 1/sqrt(t) and a
    long training may come to rest too early: `rmsprop` and `adam` forget.
    """

    example = "optimizer: {type: adagrad, lr: 0.05}"

    lr: float = Field(default=0.01, gt=0)
    """Learning rate: the size of the first step, whatever the gradient."""
    lr_decay: float = Field(default=0.0, ge=0)
    """A decay of the rate on top of that; the paper has none."""
    initial: float = Field(default=0.0, ge=0)
    """Where the sum of squares starts: above 0 the first steps are smaller."""
    eps: PositiveFloat = 1e-10
    """Keeps the division finite."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The Adagrad of torch over these parameters."""
        import torch

        return torch.optim.Adagrad(
            parameters,
            lr=self.lr,
            lr_decay=self.lr_decay,
            initial_accumulator_value=self.initial,
            eps=self.eps,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
