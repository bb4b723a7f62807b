"""By how much the logits are right."""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot


def class_lead(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The right class's logit less the largest of the others: (batch, classes) and (batch,) to (batch,)."""
    right = one_hot(target, logits.shape[1]).bool()
    others = logits.masked_fill(right, -torch.inf).amax(dim=1)
    return logits[right] - others


def label_lead(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The logit where the label is 1, and its opposite where it is 0: (batch, labels)."""
    return logits * (2 * target - 1)
