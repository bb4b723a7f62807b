"""Momentum that looks ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Nesterov(Optimizer, name="nesterov"):
    """Momentum with the gradient taken where it is about to lead, so that it brakes before it overshoots.

        v = momentum v - lr ∇L(w + momentum v)
        w = w + v

    Nesterov 1983, in the form of Sutskever et al. 2013, On the Importance of Initialization and Momentum. The network
    holds the point looked at, w + momentum v, so that one gradient a step is enough: in its terms v = momentum v + g
    and w = w - lr (g + momentum v), as torch has it.
    """

    example = """
        optimizer: {type: nesterov, lr: 0.01, momentum: 0.9}
        scheduler: {type: step, every: 10, gamma: 0.5}
    """

    lr: float = Field(default=0.01, gt=0)
    """Learning rate. Where the gradient stays the steps grow to lr / (1 - momentum), so start smaller than in `sgd`."""
    momentum: float = Field(default=0.9, gt=0, lt=1)
    """Share of the last step that is kept: 0.9 averages about ten steps."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The SGD of torch with Nesterov's momentum."""
        import torch

        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(
            torch.optim.SGD(
                parameters,
                lr=self.lr,
                momentum=self.momentum,
                nesterov=True,
                weight_decay=self.weight_decay,
                fused=fused(parameters),
            )
        )
