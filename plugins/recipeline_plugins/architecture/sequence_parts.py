"""What networks for sequences are made of: pooling over the steps that are there, the last of them, what is beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from recipeline_plugins.architecture._sequences import inside
from recipeline_plugins.architecture.table_inputs import TableInputs


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


def around_last(
    series: torch.Tensor, lengths: torch.Tensor, own_unit: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The series as differences from its last value, and what brings answers back: answer * unit + start.

    With `own_unit` the differences are measured in their root mean square over a row's own steps; 1 where nothing
    changes. What stands in the padding doesn't matter: it is never read.

    Returns:
        The differences (batch, steps, channels), and unit and start of the first channel, (batch, 1) each.
    """
    start = last_values(series, lengths)  # (batch, channels)
    differences = series - start[:, None]
    unit = torch.ones_like(start)
    if own_unit:
        mask = inside(lengths, series.shape[1])[:, :, None]
        square = (differences.square() * mask).sum(dim=1) / mask.sum(dim=1)
        unit = torch.where(square > 0, square.sqrt(), unit)
    return differences / unit[:, None], unit[:, :1], start[:, :1]


class BesideTable(nn.Module):
    """Joins a sequence's summary with the row's plain columns: relu(W [summary, numbers, code vectors] + b)."""

    def __init__(self, width: int, numeric: int, codes: Sequence[int]) -> None:
        super().__init__()
        self.table = TableInputs(numeric, codes)
        self.join = nn.Linear(width + self.table.width, width)
        nn.init.xavier_uniform_(self.join.weight)
        nn.init.zeros_(self.join.bias)

    def forward(self, summary: torch.Tensor, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """(batch, width), numbers (batch, features) and codes (batch, columns) to (batch, width)."""
        return torch.relu(self.join(torch.cat([summary, self.table(numeric, categorical)], dim=1)))
