"""Scores of what was predicted, what was true and what was both, class by class.

torchmetrics has these scores too, in float32: 0.58 is 0.5799999833 there. Here counts are whole numbers and their
ratios float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torchmetrics import Metric

Average = Literal["macro", "micro", "weighted", "second"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by class or label, float64 (classes,)."""

    hits: torch.Tensor
    """Predicted and true."""
    predicted: torch.Tensor
    true: torch.Tensor


def share(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """The ratio of part to whole, and 0 where the whole is empty."""
    return torch.where(whole > 0, part / torch.where(whole > 0, whole, 1), 0)


def averaged(part: torch.Tensor, whole: torch.Tensor, counts: Counts, average: Average) -> torch.Tensor:
    """The shares of the classes as one number.

    macro leaves out a class that is neither true nor predicted; second is the second class alone.
    """
    if average == "micro":
        return share(part.sum(), whole.sum())
    shares = share(part, whole)
    if average == "second":
        return shares[1]
    weights = counts.true if average == "weighted" else ((counts.true + counts.predicted) > 0).double()
    return share((weights * shares).sum(), weights.sum())


def precision(n: Counts, average: Average) -> torch.Tensor:
    """Hits among the predicted."""
    return averaged(n.hits, n.predicted, n, average)


def recall(n: Counts, average: Average) -> torch.Tensor:
    """Hits among the true."""
    return averaged(n.hits, n.true, n, average)


def f1(n: Counts, average: Average) -> torch.Tensor:
    """2 hits / (predicted + true): the harmonic mean of precision and recall."""
    return averaged(2 * n.hits, n.predicted + n.true, n, average)


def balanced_accuracy(n: Counts) -> torch.Tensor:
    """The mean recall of the classes that have rows."""
    return share(share(n.hits, n.true).sum(), (n.true > 0).sum().double())


def matthews(n: Counts) -> torch.Tensor:
    """Gorodkin's R_K; 0 where truth or prediction has one class only."""
    rows = n.true.sum()
    covariance = n.hits.sum() * rows - n.true @ n.predicted
    # Two roots and not the root of the product: counts to the fourth power would leave float64's whole numbers.
    spread = (rows.square() - n.true @ n.true).sqrt() * (rows.square() - n.predicted @ n.predicted).sqrt()
    return share(covariance, spread)


class ClassCounts(Metric):
    """Counts hits, predicted and true rows of each class or label, and scores them at the end."""

    full_state_update = False
    counts: torch.Tensor

    def __init__(self, classes: int, score: Callable[[Counts], torch.Tensor]) -> None:
        super().__init__()
        self.classes = classes
        self.score = score
        self.add_state("counts", torch.zeros(3, classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch: probabilities (batch,) or (batch, classes) with indices, or (batch, labels) with 0/1."""
        if target.ndim == 2:
            predicted, true = prediction > 0.5, target > 0.5
        else:
            index = prediction.argmax(dim=1) if prediction.ndim == 2 else (prediction > 0.5).long()
            classes = torch.arange(self.classes, device=target.device)
            predicted, true = index[:, None] == classes, target[:, None] == classes  # (batch, classes)
        self.counts = self.counts + torch.stack([(predicted & true).sum(0), predicted.sum(0), true.sum(0)])

    def compute(self) -> torch.Tensor:
        """The score of all rows so far."""
        # On the CPU: every device's counts make the same float64.
        return self.score(Counts(*self.counts.cpu().double()))
