"""The module of `maxout`, apart from its settings, so that to validate a recipe costs no torch."""

from __future__ import annotations

import torch
from torch import nn


class MaxoutNetwork(nn.Module):
    """A maxout layer and a linear one."""

    def __init__(self, features: int, units: int, pieces: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, units * pieces)
        self.head = nn.Linear(units, outputs)
        self.units = units

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        pieces = self.hidden(numeric).unflatten(1, (self.units, -1))  # (batch, units, pieces)
        return self.head(pieces.amax(dim=2))  # (batch, outputs)
