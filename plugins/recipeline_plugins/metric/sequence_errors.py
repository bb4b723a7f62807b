"""How far sequences of codes are from the true ones: edits, and rows that are right throughout.

torchmetrics compares texts, in loops over their tokens, and adds up in float32, which loses count at 16 million. Here
it is codes, a batch at once, and whole numbers.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad
from torchmetrics import Metric

from recipeline import END, PADDING, UNKNOWN


def tokens(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The codes (batch, steps) with nothing but padding beyond each row's end, and how many tokens each row has."""
    inside = ((codes != PADDING) & (codes != END)).cumprod(dim=1)
    return torch.where(inside == 1, codes, PADDING), inside.sum(dim=1)


def edit_distances(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Insertions, deletions and replacements that it takes at least to make the target of the prediction, (batch,).

        d[i, j] = min(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + (prediction[i] != target[j]))

    Levenshtein 1966. A row of d is made at once for the whole batch: that each place may also come from the one before
    it, at the cost of 1, is a running minimum of d[i, j] - j. An unknown token of the target is like no other.
    """
    said, said_lengths = tokens(prediction)
    true, true_lengths = tokens(target)
    places = torch.arange(true.shape[1] + 1, device=true.device)
    row = places.expand(len(true), -1)  # (batch, steps + 1): from nothing, only insertions
    for step in range(said.shape[1]):
        other = (said[:, step : step + 1] != true) | (true == UNKNOWN)
        without = torch.cat([row[:, :1] + 1, torch.minimum(row[:, 1:] + 1, row[:, :-1] + other)], dim=1)
        following = (without - places).cummin(dim=1).values + places
        row = torch.where(step < said_lengths[:, None], following, row)
    return row.gather(1, true_lengths[:, None])[:, 0]


def all_right(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 for a row whose every token is right, and no more of them than there are; else 0; float64 (batch,)."""
    said, true = tokens(prediction)[0], tokens(target)[0]
    width = max(said.shape[1], true.shape[1])
    said, true = (pad(each, (0, width - each.shape[1]), value=PADDING) for each in (said, true))
    return ((said == true) & (true != UNKNOWN)).all(dim=1).double()


class ErrorRate(Metric):
    """Edits over the tokens of the targets."""

    full_state_update = False
    edits: torch.Tensor
    length: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("edits", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("length", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch of codes, each (batch, steps)."""
        self.edits = self.edits + edit_distances(prediction, target).sum()
        self.length = self.length + tokens(target)[1].sum()

    def compute(self) -> torch.Tensor:
        """The rate of all rows so far."""
        return self.edits.cpu().double() / self.length.cpu().clamp(min=1)
