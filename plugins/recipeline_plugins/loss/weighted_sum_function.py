"""The module of `weighted_sum`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from recipeline import LossFunction


class SumOfLosses(nn.Module):
    """The losses of the targets, summed with weights that are given, or learnt where there are none.

    Args:
        functions: One a target.
        outputs: How many outputs of the network each of them takes.
        weights: One a target, or None to learn them.
    """

    weights: torch.Tensor

    def __init__(
        self, functions: Sequence[LossFunction], outputs: Sequence[int], weights: Sequence[float] | None
    ) -> None:
        super().__init__()
        self.functions = list(functions)
        # Registered as well where they are modules, so that they are moved and saved.
        self.modules_among = nn.ModuleList(each for each in functions if isinstance(each, nn.Module))
        self.outputs = list(outputs)
        self.learned = weights is None
        if weights is None:
            self.log_noise = nn.Parameter(torch.zeros(len(self.functions)))
        else:
            self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Outputs (batch, sum of outputs) and targets (batch, targets) to a scalar."""
        parts = torch.split(prediction, self.outputs, dim=1)
        truths = torch.split(target, 1, dim=1)
        losses = torch.stack([f(p, y) for f, p, y in zip(self.functions, parts, truths, strict=True)])  # (targets,)
        if self.learned:
            return ((-self.log_noise).exp() * losses + self.log_noise).sum() / 2
        return (self.weights.to(losses.dtype) * losses).sum()
