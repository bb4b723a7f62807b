"""Losses between logits (batch, classes) and the shares of the classes, or the index of the one that is right."""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot


def shares_of(target: torch.Tensor, classes: int, dtype: torch.dtype) -> torch.Tensor:
    """Indices (batch,) as shares (batch, classes), 1 and 0; shares as they are."""
    return (one_hot(target, classes) if target.ndim == 1 else target).to(dtype)


def cross_entropy_of_shares(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean over rows of sum -q log p."""
    shares = shares_of(target, logits.shape[1], logits.dtype)
    return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()


def kl_divergence(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean over rows of sum q (log q - log p)."""
    shares = shares_of(target, logits.shape[1], logits.dtype)
    entropy = -torch.xlogy(shares, shares).sum(dim=1).mean()
    return cross_entropy_of_shares(logits, shares) - entropy


def dice(probability: torch.Tensor, shares: torch.Tensor, smooth: float) -> torch.Tensor:
    """1 - the mean over classes of (2 sum p q + smooth) / (sum p + sum q + smooth), sums over rows.

    Both (batch, classes).
    """
    both = (probability * shares).sum(dim=0)  # (classes,)
    all_of_it = probability.sum(dim=0) + shares.sum(dim=0)
    return 1 - ((2 * both + smooth) / (all_of_it + smooth)).mean()
