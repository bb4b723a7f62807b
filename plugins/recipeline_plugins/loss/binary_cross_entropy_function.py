"""The modules of `binary_cross_entropy`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


class LabelsCrossEntropy(nn.Module):
    """Logits (batch, labels) against labels 0 or 1 (batch, labels)."""

    pos_weight: torch.Tensor | None

    def __init__(self, pos_weight: float | Sequence[float] | None = None) -> None:
        super().__init__()
        weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32)
        self.register_buffer("pos_weight", weight)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over rows and labels."""
        return binary_cross_entropy_with_logits(logits, target.to(logits.dtype), pos_weight=self.pos_weight)


class TwoClassCrossEntropy(LabelsCrossEntropy):
    """Logits (batch, 2) against indices (batch,) or shares (batch, 2)."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean over rows."""
        target = target[:, 1] if target.ndim == 2 else target
        return super().forward(logits[:, 1] - logits[:, 0], target)  # (batch,)
