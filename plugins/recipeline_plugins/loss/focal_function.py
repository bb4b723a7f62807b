"""The modules of `focal`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from recipeline_plugins.loss.share_functions import shares_of


def focused(log_p: torch.Tensor, gamma: float) -> torch.Tensor:
    """(1 - p)^gamma (-log p), element by element."""
    if gamma == 0:
        return -log_p
    # Kept off 0, where a gamma below 1 has an infinite slope.
    doubt = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    return doubt.pow(gamma) * -log_p


class FocalClasses(nn.Module):
    """Logits (batch, classes) against indices (batch,) or shares (batch, classes)."""

    weight: torch.Tensor | None

    def __init__(self, gamma: float, weight: Sequence[float] | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", None if weight is None else torch.tensor(weight, dtype=torch.float32))

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over rows, each as heavy as its class."""
        shares = shares_of(target, logits.shape[1], logits.dtype)
        if self.weight is not None:
            shares = shares * self.weight.to(logits.dtype)
        return (shares * focused(logits.log_softmax(dim=1), self.gamma)).sum() / shares.sum()


class FocalLabels(nn.Module):
    """Logits (batch, labels) against labels 0 or 1 (batch, labels)."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over rows and labels."""
        yes, no = focused(logsigmoid(logits), self.gamma), focused(logsigmoid(-logits), self.gamma)
        return (target * yes + (1 - target) * no).mean()
