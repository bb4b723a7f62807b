"""Gradient descent that keeps going where it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Momentum(Optimizer, name="momentum"):
    """Heavy ball: steps add up where the gradient keeps its direction and cancel where it turns. For narrow valleys.

        g = gradient + weight_decay w
        v = momentum v + g                       (v = g at the first step)
        w = w - lr v

    Polyak 1964, Some Methods of Speeding Up the Convergence of Iteration Methods: w(t+1) = w(t) - lr g + momentum
    (w(t) - w(t-1)), which is the same while `lr` stays. The same as `sgd` with its `momentum`. Sometimes printed with
    a running sum of squares under a root: that is `adagrad` or `rmsprop`.
    """

    example = "optimizer: {type: momentum, lr: 0.01, momentum: 0.9}"

    lr: float = Field(default=0.01, gt=0)
    """Learning rate. Where the gradient stays the steps grow to lr / (1 - momentum), so start smaller than in `sgd`."""
    momentum: float = Field(default=0.9, gt=0, lt=1)
    """Share of the last step that is kept: 0.9 averages about ten steps. Too much overshoots and swings."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The SGD of torch with momentum."""
        import torch

        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(
            torch.optim.SGD(
                parameters,
                lr=self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                fused=fused(parameters),
            )
        )
