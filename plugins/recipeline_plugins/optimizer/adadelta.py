"""Adadelta: steps in the unit of the parameters, without a learning rate to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Adadelta(Optimizer, name="adadelta"):
    """Sizes each step by the steps before it: the one to try when no learning rate is known. Starts slowly.

        g = gradient + weight_decay w
        s = rho s + (1 - rho) g²                 u = mean of squared steps, s = mean of squared gradients
        d = sqrt(u + eps) / sqrt(s + eps) · g
        u = rho u + (1 - rho) d²
        w = w - lr d

    Zeiler 2012, ADADELTA: An Adaptive Learning Rate Method, algorithm 1, where `lr` is 1. `eps` decides how large the
    first steps are, since u starts at 0.
    """

    example = "optimizer: {type: adadelta, lr: 1.0, rho: 0.95}"

    lr: float = Field(default=1.0, gt=0)
    """Factor on the step that the method finds; 1 leaves it."""
    rho: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the two means: 0.9 averages about ten steps."""
    eps: PositiveFloat = 1e-6
    """Gets the first steps going; larger starts faster."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The Adadelta of torch over these parameters."""
        import torch

        return torch.optim.Adadelta(
            parameters,
            lr=self.lr,
            rho=self.rho,
            eps=self.eps,
            weight_decay=self.weight_decay,
            # One call over all parameters instead of a loop; the numbers are the same.
            foreach=True,
        )
