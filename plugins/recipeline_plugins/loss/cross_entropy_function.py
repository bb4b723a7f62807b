"""The modules of `cross_entropy`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from recipeline import PADDING, UNKNOWN


class WeightedCrossEntropy(nn.Module):
    """Logits (batch, classes) against indices (batch,) or shares (batch, classes)."""

    weight: torch.Tensor | None

    def __init__(self, weight: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weight", None if weight is None else torch.tensor(weight, dtype=torch.float32))
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over rows, each as heavy as its class."""
        if target.ndim == 1:
            return cross_entropy(logits, target, weight=self.weight, label_smoothing=self.label_smoothing)
        total = cross_entropy(logits, target, weight=self.weight, label_smoothing=self.label_smoothing, reduction="sum")
        # torch divides by the number of rows; by their weight, a whole share counts as its class does.
        heaviness = target.sum() if self.weight is None else (target @ self.weight.to(target.dtype)).sum()
        return total / heaviness


class TokenCrossEntropy(nn.Module):
    """Logits (batch, steps, tokens) against codes (batch, steps)."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over the tokens that count; 0 where none does."""
        heard = target.masked_fill(target == UNKNOWN, PADDING).flatten()
        total = cross_entropy(
            logits.flatten(0, 1), heard, ignore_index=PADDING, label_smoothing=self.label_smoothing, reduction="sum"
        )
        return total / (heard != PADDING).sum().clamp(min=1)
