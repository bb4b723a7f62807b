"""The network of `ft_transformer`, in plain torch and plain arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class Tokens(nn.Module):
    """Makes each column a token, and adds one whose end is the answer."""

    def __init__(self, numeric: int, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(numeric, width))
        self.bias = nn.Parameter(torch.empty(numeric + len(cardinalities), width))
        self.answer = nn.Parameter(torch.empty(width))
        self.embeddings = nn.ModuleList(nn.Embedding(codes, width) for codes in cardinalities)
        bound = width**-0.5  # of the paper: a token of a standardized column is of about one size
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes int64 (batch, columns) to (batch, 1 + features + columns, width)."""
        tokens = [numeric[:, :, None] * self.weight]  # (batch, features, width)
        tokens += [embed(categorical[:, column])[:, None] for column, embed in enumerate(self.embeddings)]
        answer = self.answer.expand(len(numeric), 1, -1)
        return torch.cat([answer, torch.cat(tokens, dim=1) + self.bias], dim=1)


class Attention(nn.Module):
    """Lets tokens attend to each other, over torch's fused kernel."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width) to the same."""
        # (batch, tokens, 3 · width) -> 3 of (batch, heads, tokens, width / heads)
        queries, keys, values = self.ask(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = scaled_dot_product_attention(
            queries, keys, values, dropout_p=self.dropout if self.training else 0.0
        )  # (batch, heads, tokens, width / heads)
        out: torch.Tensor = self.answer(mixed.transpose(1, 2).flatten(2))
        return out


class GatedReLU(nn.Module):
    """One half of the numbers, let through by the other (Shazeer 2020, GLU Variants Improve Transformer)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., 2 · width) to (..., width)."""
        value, gate = x.chunk(2, dim=-1)
        return value * gate.relu()


class Block(nn.Module):
    """Attention, then each token for itself; both add to what they are given."""

    residual_branches = ("attention", "feed_forward")

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        *,
        normalized: bool,
        attention_dropout: float,
        hidden_dropout: float,
        residual_dropout: float,
    ) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.LayerNorm(width) if normalized else nn.Identity(),
            Attention(width, heads, attention_dropout),
            nn.Dropout(residual_dropout),
        )
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * inner),
            GatedReLU(),
            nn.Dropout(hidden_dropout),
            nn.Linear(inner, width),
            nn.Dropout(residual_dropout),
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width) to the same."""
        tokens = tokens + self.attention(tokens)
        out: torch.Tensor = tokens + self.feed_forward(tokens)
        return out


class FeatureTransformer(nn.Module):
    """Tokens, blocks, and the answer read off the token that stands for no column."""

    def __init__(
        self,
        *,
        numeric: int,
        cardinalities: Sequence[int],
        outputs: int,
        width: int,
        blocks: int,
        heads: int,
        inner: int,
        attention_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens = Tokens(numeric, cardinalities, width)
        self.blocks = nn.Sequential(
            *(
                Block(
                    width,
                    heads,
                    inner,
                    normalized=number > 0,
                    attention_dropout=attention_dropout,
                    hidden_dropout=hidden_dropout,
                    residual_dropout=residual_dropout,
                )
                for number in range(blocks)
            )
        )
        self.before_output = nn.Sequential(nn.LayerNorm(width), nn.ReLU())
        self.output = nn.Linear(width, outputs)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes int64 (batch, columns), either without columns, to (batch, outputs)."""
        tokens = self.blocks(self.tokens(numeric, categorical))
        out: torch.Tensor = self.output(self.before_output(tokens[:, 0]))
        return out
