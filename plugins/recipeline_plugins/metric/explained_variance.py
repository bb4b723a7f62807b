"""The sums behind `r2`.

torchmetrics has one too: it calls a target constant when its squared deviations add up to less than 1e-4, whatever
its unit, and fails on a single row.
"""

from __future__ import annotations

import torch
from torchmetrics import Metric

from recipeline_plugins.metric.row_means import exact


def r2(error: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """1 - error / spread; without spread 1 where there is no error either, else 0."""
    score = 1 - error / torch.where(spread > 0, spread, 1)
    return torch.where(spread > 0, score, (error == 0).to(score.dtype))


def pooled_spread(count: torch.Tensor, origin: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Squared deviations from the common mean, of groups that give their sums of d = y - origin and d².

    Deviations inside the groups, and those of the groups' means (Chan, Golub & LeVeque 1983). All (groups, targets).
    """
    filled = count.clamp(min=1)
    within = (second - first.square() / filled).clamp(min=0)
    # Means are compared as distances from one origin, so that a constant target has a spread of exactly 0.
    start = origin[:1]
    mean = origin - start + first / filled
    overall = (count * mean).sum(dim=0) / count.sum(dim=0).clamp(min=1)
    return within.sum(dim=0) + (count * (mean - overall).square()).sum(dim=0)


class ExplainedVariance(Metric):
    """Sums of squared errors and of deviations from the first row, by target.

    From the first row and not from 0, so that years around 2000 lose no digits. One group for each process of a
    distributed evaluation.
    """

    full_state_update = False
    sums: torch.Tensor

    def __init__(self, targets: int) -> None:
        super().__init__()
        # (groups, [count, origin, sum of d, sum of d², squared errors], targets)
        self.add_state("sums", torch.zeros(1, 5, targets), dist_reduce_fx="cat")

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch, both (batch, targets)."""
        if len(target) == 0:
            return
        truth = exact(target)
        sums = exact(self.sums).clone()
        count, origin = sums[0, 0], sums[0, 1]
        origin = torch.where(count > 0, origin, truth[0])
        deviation = truth - origin
        batch = [
            torch.full_like(count, len(truth)),
            torch.zeros_like(count),
            deviation.sum(dim=0),
            deviation.square().sum(dim=0),
            (exact(prediction) - truth).square().sum(dim=0),
        ]
        sums[0] += torch.stack(batch)
        sums[0, 1] = origin
        self.sums = sums

    def compute(self) -> torch.Tensor:
        """The mean over targets."""
        count, origin, first, second, error = self.sums.reshape(-1, *self.sums.shape[-2:]).unbind(dim=1)
        return r2(error.sum(dim=0), pooled_spread(count, origin, first, second)).mean()
