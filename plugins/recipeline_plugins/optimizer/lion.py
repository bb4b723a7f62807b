"""Lion: steps by the sign of a momentum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Optimizer
from recipeline_plugins.optimizer.decayed import Decayed

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Lion(Optimizer, name="lion"):
    """Moves every parameter by `lr`, in the direction of a momentum's sign: half of Adam's memory.

        c = beta1 m + (1 - beta1) g
        w = w - lr (sign(c) + weight_decay w)
        m = beta2 m + (1 - beta2) g

    Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2. Every step has the same size, so
    take a rate 3 to 10 times smaller than Adam's and a weight decay as many times larger, and let the rate fall.
    """

    example = """
        optimizer: {type: lion, lr: 1e-4, weight_decay: 0.1}
        scheduler: cosine
    """
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "scheduler.fixed": "all steps have the same size, so the weights never come to rest",
    }

    lr: float = Field(default=0.0001, gt=0)
    """Learning rate: how far every parameter moves in a step."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Share of the momentum in the direction of a step; the rest is the new gradient's."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Memory of the momentum: 0.99 averages about a hundred steps."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Share of the weights that lr takes off in a step."""
    decayed: Decayed = "weights"
    """weights leaves biases and the parameters of normalizations out of the decay; all takes every parameter."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """Lion over these parameters."""
        from recipeline_plugins.optimizer.decayed import groups
        from recipeline_plugins.optimizer.lion_steps import LionSteps

        return LionSteps(groups(parameters, self.weight_decay, self.decayed), self.lr, (self.beta1, self.beta2))
