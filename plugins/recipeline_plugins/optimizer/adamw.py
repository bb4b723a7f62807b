"""Adam with weight decay of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from recipeline import Optimizer
from recipeline_plugins.optimizer.decayed import Decayed

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class AdamW(Optimizer, name="adamw"):
    """Adam whose weight decay is a step of its own, so that all weights decay at the same rate.

        w = w - lr weight_decay w
        m = beta1 m + (1 - beta1) g              v = beta2 v + (1 - beta2) g²
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)          t = 1, 2, ...

    Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2. As in torch the decay is
    multiplied by `lr`; the paper multiplies it by the schedule alone, so its lambda is lr · weight_decay here. Often
    printed with weight_decay · w added to g: that is `adam`, where weights with large gradients hardly decay.
    """

    example = """
        optimizer:
          type: adamw
          lr: 0.001
          weight_decay: 0.05
          groups:
            - {pattern: "output.*", lr: 0.01}      # the output layer, ten times faster
    """

    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Memory of the gradient's mean: 0.9 averages about ten steps."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Memory of the squared gradient's mean: 0.999 averages about a thousand steps."""
    eps: PositiveFloat = 1e-8
    """Keeps the division finite; larger values make small gradients count less."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Share of the weights that lr takes off in a step; 0 gives `adam`."""
    decayed: Decayed = "weights"
    """weights leaves biases and the parameters of normalizations out of the decay; all takes every parameter."""
    amsgrad: bool = False
    """Never let v fall (Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond)."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The AdamW of torch over these parameters."""
        import torch

        from recipeline_plugins.optimizer.decayed import groups
        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(
            torch.optim.AdamW(
                groups(parameters, self.weight_decay, self.decayed),
                lr=self.lr,
                betas=(self.beta1, self.beta2),
                eps=self.eps,
                amsgrad=self.amsgrad,
                fused=fused(parameters),
            )
        )
