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


def multi_margin(logits: torch.Tensor, target: torch.Tensor, margin: float, power: int) -> torch.Tensor:
    """The mean over rows of 1/k · sum over wrong classes of max(0, margin - logits[right] + logits[wrong])^power.

    torch has it too, without a second derivative.
    """
    right = one_hot(target, logits.shape[1]).bool()
    lacking = (margin - logits[right][:, None] + logits).relu().masked_fill(right, 0)  # (batch, classes)
    return lacking.pow(power).mean()
