"""Metrics that are the mean of a number that each row has.

torchmetrics adds these up in float32, where a million rows of about 1 lose the fourth digit, and pools all targets;
here sums are float64 and each target has its own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torchmetrics import Metric

Rows = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(prediction, target) -> one number a row (batch,), or one for each target (batch, targets)."""


def exact(values: torch.Tensor) -> torch.Tensor:
    """In float64, except where the device has none."""
    return values.float() if values.device.type == "mps" else values.double()


def squared_errors(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(prediction - target)²."""
    return (exact(prediction) - exact(target)).square()


def absolute_errors(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """|prediction - target|."""
    return (exact(prediction) - exact(target)).abs()


def pinballs(prediction: torch.Tensor, target: torch.Tensor, q: float) -> torch.Tensor:
    """max(q e, (q - 1) e), e = target - prediction."""
    error = exact(target) - exact(prediction)
    return torch.maximum(q * error, (q - 1) * error)


def poisson_deviances(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """2 (y log(y / rate) - y + rate), the rate kept off 0."""
    rate, count = exact(prediction).clamp(min=1e-6), exact(target).clamp(min=0)
    return 2 * (torch.xlogy(count, count / rate) - count + rate)


def right_answers(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 where the most probable class is the true one, or a label's probability is on the right side of 1/2; else 0."""
    if prediction.shape == target.shape:
        return exact((prediction > 0.5) == (target > 0.5))
    return exact(prediction.argmax(dim=1) == target)


def brier_scores(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(p - y)² of each probability, summed over the classes of a multiclass row."""
    probability = exact(prediction)
    if prediction.shape == target.shape:
        return (probability - exact(target)).square()
    right = torch.nn.functional.one_hot(target, prediction.shape[1])  # (batch, classes)
    return (probability - right).square().sum(dim=1)


def surprise(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """-log of the probability that was given to the truth, kept away from 0 by float64's rounding."""
    probability = exact(prediction)
    if prediction.shape == target.shape:  # (batch,) of the second class, or (batch, labels)
        given = torch.where(target.bool(), probability, 1 - probability)
    else:
        given = probability.gather(1, target[:, None])[:, 0]  # (batch,)
    return -given.clamp(min=torch.finfo(torch.float64).eps).log()


class RowMean(Metric):
    """The mean over rows, finished (by a root, say) for each target, and then the mean over targets."""

    full_state_update = False
    total: torch.Tensor
    count: torch.Tensor

    def __init__(self, rows: Rows, finish: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__()
        self.rows = rows
        self.finish = finish
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch."""
        rows = self.rows(prediction, target)
        self.total = self.total + rows.sum(dim=0)  # (targets,), or a scalar
        self.count = self.count + len(rows)

    def compute(self) -> torch.Tensor:
        """The mean of all rows so far."""
        mean = self.total / self.count
        return (self.finish(mean) if self.finish else mean).mean()
