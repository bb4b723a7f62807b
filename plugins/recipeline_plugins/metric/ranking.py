"""Scores of a ranking, exact and with ties."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


def ties(prediction: torch.Tensor, positive: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Positive and negative rows at each distinct prediction, from the highest down; (rows,) to two of (values,)."""
    values, place = torch.unique(prediction, return_inverse=True)
    positives = torch.bincount(place[positive], minlength=len(values)).flip(0)
    negatives = torch.bincount(place[~positive], minlength=len(values)).flip(0)
    return positives, negatives


def roc_auc(prediction: torch.Tensor, positive: torch.Tensor) -> float | None:
    """P(positive above negative) + P(equal) / 2 (Mann & Whitney 1947); None where one kind is missing."""
    positives, negatives = ties(prediction, positive)
    pairs = int(positives.sum()) * int(negatives.sum())
    if pairs == 0:
        return None
    above = positives.cumsum(0) - positives  # positive rows above each distinct prediction
    return int((negatives * (2 * above + positives)).sum()) / (2 * pairs)


def average_precision(prediction: torch.Tensor, positive: torch.Tensor) -> float | None:
    """Sum of precision times what recall gains at each distinct prediction; None without a positive row."""
    positives, negatives = ties(prediction, positive)
    total = int(positives.sum())
    if total == 0:
        return None
    found = positives.cumsum(0).double()
    precision = found / (found + negatives.cumsum(0))
    return float((positives * precision).sum() / total)


class RankingScore(Metric):
    """Keeps predictions and targets, and scores each class or label against the rest at the end."""

    full_state_update = False
    prediction: list[torch.Tensor]
    target: list[torch.Tensor]

    def __init__(self, score: Callable[[torch.Tensor, torch.Tensor], float | None], undefined: float) -> None:
        super().__init__()
        self.score = score
        self.undefined = undefined
        self.add_state("prediction", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch: probabilities (batch,) or (batch, classes) with indices, or (batch, labels) with 0/1."""
        self.prediction.append(prediction.detach())
        self.target.append(target)

    def compute(self) -> torch.Tensor:
        """The mean over the classes or labels that can be scored; `undefined` where none can."""
        # On the CPU: sorting and counting are the same everywhere, and integer sums are exact.
        prediction, target = dim_zero_cat(self.prediction).cpu(), dim_zero_cat(self.target).cpu()
        if prediction.ndim == 1:
            prediction, positive = prediction[:, None], target.bool()[:, None]
        elif target.ndim == 1:
            positive = target[:, None] == torch.arange(prediction.shape[1])  # (rows, classes)
        else:
            positive = target.bool()
        scores = [self.score(p, y) for p, y in zip(prediction.T, positive.T, strict=True)]
        known = [score for score in scores if score is not None]
        return torch.tensor(sum(known) / len(known) if known else self.undefined, dtype=torch.float64)
