"""The network of `transformer`, in plain torch and plain arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

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


def by_head(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, steps, width) to (batch, heads, steps, width / heads)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def together(x: torch.Tensor) -> torch.Tensor:
    """(batch, heads, steps, width / heads) to (batch, steps, width)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Every step asks all steps of its row, through torch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) with a mask (batch, steps) of the steps that may be looked at."""
        q, k, v = (by_head(part, self.heads) for part in self.project_in(x).chunk(3, dim=2))
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        out: torch.Tensor = self.project_out(together(seen))
        return out


class AttentionBranch(nn.Module):
    """attention(norm(x))."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        out: torch.Tensor = self.attention(self.norm(x), mask)
        return out


def dense(width: int, feedforward: int, dropout: float) -> nn.Sequential:
    """dropout(W2 dropout(gelu(W1 norm(x))))."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, feedforward),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(feedforward, width),
        nn.Dropout(dropout),
    )


class EncoderLayer(nn.Module):
    """Attention and two dense layers, each normalized before and added to its input."""

    # What ends a branch and takes it alone: attention itself wants a mask.
    residual_branches = ("after_attention", "dense")

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = AttentionBranch(width, heads)
        self.after_attention = nn.Dropout(dropout)
        self.dense = dense(width, feedforward, dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        x = x + self.after_attention(self.attention(x, mask))
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
        return self.at(torch.arange(x.shape[1], device=x.device), x)

    def at(self, places: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """(..., width) for whole numbers of any shape."""
        found: torch.Tensor = self.table(places.clamp(max=self.table.num_embeddings - 1))
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
        return self.at(torch.arange(x.shape[1], device=x.device), x)

    def at(self, places: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """(..., width) for whole numbers of any shape, in the precision of `like` (..., width)."""
        width = like.shape[-1]
        even = torch.arange(0, width, 2, device=places.device, dtype=torch.float32)
        angles = places[..., None].float() * torch.exp(even * (-math.log(10000.0) / width))  # (..., ceil(width / 2))
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :width]
        return self.factor * waves.to(like.dtype)


Positions = Literal["sinusoidal", "learned"]


def positions_of(kind: Positions, longest: int, width: int) -> LearnedPositions | SinusoidalPositions:
    """How steps know their places."""
    return LearnedPositions(longest, width) if kind == "learned" else SinusoidalPositions()


def start(network: nn.Module) -> None:
    """Small token vectors, linear maps as Glorot & Bengio 2010 have them."""
    for module in network.modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.normal_(module.weight, std=START)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)


class Reader(nn.Module):
    """The encoder: vectors with their places through the layers."""

    def __init__(
        self,
        *,
        vocabulary: int,
        channels: int,
        longest: int,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        dropout: float = 0.0,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0) if vocabulary else None
        self.enter = None if vocabulary else nn.Linear(channels, width)
        self.positions = positions_of(positions, longest, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def read(self, tokens: torch.Tensor, series: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """What every step has become: (batch, steps, width)."""
        if self.embed is not None:
            x = self.embed(some_step(tokens))  # (batch, steps, width)
        else:
            assert self.enter is not None
            x = self.enter(some_step(series))
        x = self.dropout(x + self.positions(x))
        mask = inside(lengths, x.shape[1])
        for layer in self.layers:
            x = layer(x, mask)
        states: torch.Tensor = self.norm(x)
        return states


class TransformerNetwork(Reader):
    """What the encoder has made of the steps that are there, in one vector, through a linear map."""

    def __init__(
        self,
        *,
        outputs: int,
        width: int,
        pooling: Literal["mean", "max", "last"] = "mean",
        around_last: bool = False,
        own_unit: bool = False,
        numeric: int = 0,
        codes: Sequence[int] = (),
        **reading: Any,
    ) -> None:
        super().__init__(width=width, **reading)
        self.beside = BesideTable(width, numeric, codes) if numeric or codes else None
        self.output = nn.Linear(width, outputs)
        self.pooling = pooling
        self.around_last = around_last and self.embed is None
        self.own_unit = own_unit
        start(self)

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
        if self.around_last:
            series, *back = around_last(some_step(series), lengths, self.own_unit)
        x = self.read(tokens, series, lengths)
        found = last_values(x, lengths) if self.pooling == "last" else pooled(x, lengths, self.pooling)
        if self.beside is not None:
            assert numeric is not None
            assert categorical is not None
            found = self.beside(found, numeric, categorical)
        answer: torch.Tensor = self.output(found)
        return answer if back is None else answer * back[0] + back[1]
