"""RMSprop: each parameter's step divided by the recent size of its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class RMSprop(Optimizer, name="rmsprop"):
    """Divides each parameter's step by the root of its mean squared gradient: for noisy, changing problems.

        g = gradient + weight_decay w
        v = alpha v + (1 - alpha) g²             v starts at 0
        d = g / (sqrt(v) + eps)                  centered: sqrt(v - m²), m = alpha m + (1 - alpha) g
        w = w - lr d                             momentum: b = momentum b + d, w = w - lr b

    Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5, in torch's form; centered is Graves
    2013, Generating Sequences with Recurrent Neural Networks. Often printed, and done by TensorFlow, with `eps`
    inside the root, where the same value weighs much more; TensorFlow also starts v at 1. There is no correction of
    the start as in `adam`: the first steps are up to 1 / sqrt(1 - alpha) times `lr`.
    """

    example = "optimizer: {type: rmsprop, lr: 0.001, alpha: 0.9}"

    lr: float = Field(default=0.001, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""
    alpha: float = Field(default=0.99, ge=0, lt=1)
    """Memory of the squared gradient's mean: 0.99 averages about a hundred steps. The lecture has 0.9."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite; larger values make small gradients count less."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last step's direction that is kept; 0 keeps none."""
    centered: bool = False
    """Divide by the gradient's standard deviation instead of its root mean square."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The RMSprop of torch over these parameters."""
        import torch

        return torch.optim.RMSprop(
            parameters,
            lr=self.lr,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            centered=self.centered,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
