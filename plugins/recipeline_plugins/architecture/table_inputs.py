"""The columns of a table as one vector: numbers beside embedded category codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from recipeline_plugins.architecture.mlp_network import embedding_size


class TableInputs(nn.Module):
    """Gives each code a vector that is learnt, and puts the vectors beside the numbers."""

    def __init__(self, numeric: int, cardinalities: Sequence[int], embedding: int | None = None) -> None:
        super().__init__()
        sizes = [embedding or embedding_size(codes) for codes in cardinalities]
        self.embeddings = nn.ModuleList(
            nn.Embedding(codes, size) for codes, size in zip(cardinalities, sizes, strict=True)
        )
        for table in self.embeddings:
            # A code's vector is as large as one standardized column, however many numbers it has.
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
        self.width = numeric + sum(sizes)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes int64 (batch, columns), either without columns, to (batch, width)."""
        vectors = [embed(categorical[:, column]) for column, embed in enumerate(self.embeddings)]
        return torch.cat([numeric, *vectors], dim=1) if vectors else numeric
