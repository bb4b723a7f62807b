"""Stochastic gradient descent, with momentum or without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class SGD(Optimizer, name="sgd"):
    """Stochastic gradient descent: a step against the gradient, with momentum if wanted.

        g = gradient + weight_decay w
        v = momentum v + g                       (v = g at the first step)
        w = w - lr v                             nesterov: w = w - lr (g + momentum v)

    Polyak 1964 introduced momentum; Sutskever et al. 2013 (On the Importance of Initialization and Momentum) wrote
    Nesterov's form for networks. They put the learning rate inside, v = momentum v - lr g and w = w + v: the same
    while `lr` stays, but here a new `lr` acts at once on the whole v. Often printed with g weighted by
    (1 - momentum): that is another method, which needs a learning rate 1 / (1 - momentum) times as large.
    """

    example = "optimizer: {type: sgd, lr: 0.05, momentum: 0.9, nesterov: true}"

    lr: float = Field(default=0.01, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last step's direction that is kept: 0 keeps none, 0.9 averages about ten steps."""
    nesterov: bool = False
    """Take the gradient where the momentum is about to lead. Needs momentum above 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Pull of every parameter towards zero, as a penalty of weight_decay / 2 · sum w² would do."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum above 0, for instance momentum: 0.9")
        return self

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The SGD of torch over these parameters."""
        import torch

        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(
            torch.optim.SGD(
                parameters,
                lr=self.lr,
                momentum=self.momentum,
                nesterov=self.nesterov,
                weight_decay=self.weight_decay,
                fused=fused(parameters),
            )
        )
