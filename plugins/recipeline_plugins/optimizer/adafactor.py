"""Adafactor: the memory of rows and columns instead of every weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, NegativeFloat, PositiveFloat

from recipeline import Optimizer
from recipeline_plugins.optimizer.decayed import Decayed

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Adafactor(Optimizer, name="adafactor"):
    """Adam's scaling from the means of rows and columns, steps relative to the weights' size. For large matrices.

        β = t^beta2_decay                        ρ = min(lr, 1 / sqrt(t))          t = 1, 2, ...
        w = w - lr weight_decay w
        r = (1 - β) r + β mean over columns of g²          c = (1 - β) c + β mean over rows of g²
        v = r c' / max(mean r, eps)              (a vector keeps v = (1 - β) v + β g²)
        u = g / sqrt(max(v, eps²))
        w = w - ρ max(floor, RMS(w)) · u / max(1, RMS(u) / clip)

    Shazeer & Stern 2018, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, algorithm 6, as torch has
    it: the square root is kept apart from `eps` (the float type's own), and `lr` caps the paper's 1/sqrt(t). A matrix
    of n × m needs n + m numbers of memory instead of Adam's 2 n m.
    """

    example = "optimizer: {type: adafactor, lr: 0.01}"

    lr: float = Field(default=0.01, gt=0)
    """Learning rate relative to the size of the parameters; from step 1 / lr² on the step falls as 1/sqrt(t)."""
    beta2_decay: NegativeFloat = -0.8
    """Exponent by which the newest squared gradient counts less and less: nearer to 0 forgets sooner."""
    floor: PositiveFloat = 1e-3
    """The least size that parameters are taken for, so that those at zero can leave it."""
    clip: float = Field(default=1.0, ge=1)
    """The most that the update's root mean square may be before the rate."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Share of the weights that lr takes off in a step."""
    decayed: Decayed = "weights"
    """weights leaves biases and the parameters of normalizations out of the decay; all takes every parameter."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The Adafactor of torch over these parameters."""
        import torch

        from recipeline_plugins.optimizer.decayed import groups

        return torch.optim.Adafactor(
            groups(parameters, self.weight_decay, self.decayed),
            lr=self.lr,
            beta2_decay=self.beta2_decay,
            eps=(None, self.floor),
            d=self.clip,
        )
