"""What networks for sequences are made of: pooling over the steps that are there, and the last of them."""

from __future__ import annotations

from typing import Literal

import torch

from recipeline_plugins.architecture._sequences import inside


def some_step(sequence: torch.Tensor) -> torch.Tensor:
    """The batch (batch, steps, ...) as it is, or with one step of padding where not one row has a step."""
    return sequence if sequence.shape[1] else sequence.new_zeros(len(sequence), 1, *sequence.shape[2:])


def pooled(steps: torch.Tensor, lengths: torch.Tensor, how: Literal["mean", "max"]) -> torch.Tensor:
    """The mean or the largest of each number over a row's own steps: (batch, steps, width) to (batch, width)."""
    mask = inside(lengths, steps.shape[1])[:, :, None]
    if how == "max":
        return steps.masked_fill(~mask, -torch.inf).amax(dim=1)
    total: torch.Tensor = (steps * mask).sum(dim=1)
    return total / mask.sum(dim=1)


def last_values(series: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The last value of each row's channels: (batch, channels)."""
    place = (lengths.clamp(min=1) - 1)[:, None, None].expand(-1, 1, series.shape[2])
    return series.gather(1, place)[:, 0]


def from_last(series: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """The series as differences from its last value. What stands in the padding doesn't matter: it is never read."""
    return series - last[:, None]
