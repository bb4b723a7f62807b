"""The metric of `mase`: absolute errors over those of the naive forecast on the train part."""

from __future__ import annotations

import torch

from recipeline import DataError, Problem
from recipeline_plugins.metric.row_means import RowMean, absolute_errors, exact


class ScaledErrors(RowMean):
    """The mean absolute error of each target over its naive error, and then the mean over targets."""

    naive: torch.Tensor

    def __init__(self, season: int) -> None:
        super().__init__(absolute_errors)
        self.season = season
        self.register_buffer("naive", torch.tensor(float("nan")), persistent=False)

    def learn(self, truth: torch.Tensor, series: torch.Tensor | None = None) -> None:
        """Take the naive forecast's error from the train part's values, (rows, targets) in the order of time.

        Of several series each is compared with itself; `series` (rows,) says whose a row is.

        Raises:
            DataError: there are too few rows, or nothing that changes.
        """
        values = exact(truth)
        apart = (values[self.season :] - values[: -self.season]).abs()  # (rows - season, targets)
        if series is not None and len(truth) > self.season:
            apart = apart[series[self.season :] == series[: -self.season]]
        if len(truth) <= self.season or not len(apart):
            raise DataError(
                Problem(
                    "`mase` compares with the value of a season before, and the train part is no longer than a season",
                    path="metrics",
                    found=f"{len(truth)} rows, season {self.season}",
                    suggestion="Set a shorter season, or bring more rows.",
                )
            )
        naive = apart.mean(dim=0)  # (targets,)
        if not bool((naive > 0).all()):
            raise DataError(
                Problem(
                    "`mase` divides by the naive forecast's error, and on the train part it makes none",
                    path="metrics",
                    found=f"each value is that of {self.season} step{'s' * (self.season > 1)} before",
                    suggestion="Set another season, or take `mae`.",
                )
            )
        self.naive = naive.to(self.naive.device)

    def compute(self) -> torch.Tensor:
        """The mean of all rows so far; not a number before `learn`."""
        return (self.total / self.count / self.naive).mean()
