"""The network of `transformer`, in plain torch and plain arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from recipeline_plugins.architecture._sequences import inside
from recipeline_plugins.architecture.sequence_parts import (
    BesideTable,
    around_last,
    last_values,
    pooled,
    some_step,
)

START = 0.1
"""How large the numbers of token vectors and positions are at first: so small that steps of 0.001 move them soon."""


class SelfAttention(nn.Module):
    """Every step asks all steps of its row, through torch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) with a mask (batch, steps) of the steps that may be looked at."""
        batch, steps, width = x.shape
        q, k, v = (  # each (batch, heads, steps, width / heads)
            part.view(batch, steps, self.heads, width // self.heads).transpose(1, 2)
            for part in self.project_in(x).split(width, dim=2)
        )
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        out: torch.Tensor = self.project_out(seen.transpose(1, 2).reshape(batch, steps, width))
        return out


class AttentionBranch(nn.Module):
    """dropout(attention(norm(x)))."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        out: torch.Tensor = self.dropout(self.attention(self.norm(x), mask))
        return out


class EncoderLayer(nn.Module):
    """Attention and two dense layers, each normalized before and added to its input."""

    residual_branches = ("attention", "dense")

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = AttentionBranch(width, heads, dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, feedforward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        x = x + self.attention(x, mask)
        out: torch.Tensor = x + self.dense(x)
        return out


class LearnedPositions(nn.Module):
    """A vector for each place; places beyond the table share the last one's."""

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max(1, longest), width)
        nn.init.normal_(self.table.weight, std=0.2 * START)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(steps, width) for x of (batch, steps, width)."""
        places = torch.arange(x.shape[1], device=x.device).clamp(max=self.table.num_embeddings - 1)
        found: torch.Tensor = self.table(places)
        return found


class SinusoidalPositions(nn.Module):
    """sin and cos of the place at wavelengths from 2 pi to 10000 * 2 pi (Vaswani et al. 2017, 3.5), times a factor.

    The factor is learnt (Li et al. 2019): waves as large as 1 would drown what is at the places.
    """

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(START))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(steps, width) for x of (batch, steps, width), in its precision."""
        steps, width = x.shape[1:]
        places = torch.arange(steps, device=x.device, dtype=torch.float32)[:, None]
        even = torch.arange(0, width, 2, device=x.device, dtype=torch.float32)
        angles = places * torch.exp(even * (-math.log(10000.0) / width))  # (steps, ceil(width / 2))
        waves = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
        return self.factor * waves.to(x.dtype)


class TransformerNetwork(nn.Module):
    """Vectors with their places through the layers, and the mean of the steps that are there through a linear map."""

    def __init__(
        self,
        *,
        vocabulary: int,
        channels: int,
        longest: int,
        outputs: int,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        dropout: float = 0.0,
        positions: Literal["sinusoidal", "learned"] = "sinusoidal",
        pooling: Literal["mean", "max", "last"] = "mean",
        around_last: bool = False,
        own_unit: bool = False,
        numeric: int = 0,
        codes: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0) if vocabulary else None
        self.enter = None if vocabulary else nn.Linear(channels, width)
        self.positions = LearnedPositions(longest, width) if positions == "learned" else SinusoidalPositions()
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.beside = BesideTable(width, numeric, codes) if numeric or codes else None
        self.output = nn.Linear(width, outputs)
        self.pooling = pooling
        self.around_last = around_last and not vocabulary
        self.own_unit = own_unit
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, std=START)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor | None = None,
        categorical: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """To (batch, outputs).

        Args:
            tokens: int64 (batch, steps), or without steps where there is a series.
            series: (batch, steps, channels), or without steps where there are tokens.
            lengths: int64 (batch,), the steps that each row has.
            numeric: (batch, features), what stands beside; not looked at where the network was built without.
            categorical: int64 (batch, columns), codes that stand beside; the same.
        """
        back = None
        if self.embed is not None:
            x = self.embed(some_step(tokens))  # (batch, steps, width)
        else:
            assert self.enter is not None
            x = some_step(series)
            if self.around_last:
                x, *back = around_last(x, lengths, self.own_unit)
            x = self.enter(x)
        x = self.dropout(x + self.positions(x))
        mask = inside(lengths, x.shape[1])
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        found = last_values(x, lengths) if self.pooling == "last" else pooled(x, lengths, self.pooling)
        if self.beside is not None:
            assert numeric is not None
            assert categorical is not None
            found = self.beside(found, numeric, categorical)
        answer: torch.Tensor = self.output(found)
        return answer if back is None else answer * back[0] + back[1]
