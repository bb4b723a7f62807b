"""The network of `tabular_resnet`, in plain torch and plain arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from recipeline_plugins.architecture.mlp_network import BatchNorm
from recipeline_plugins.architecture.table_inputs import TableInputs


class ResidualBlock(nn.Module):
    """Adds what its branch makes of the input to the input."""

    residual_branches = ("branch",)

    def __init__(self, width: int, inner: int, hidden_dropout: float, residual_dropout: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            BatchNorm(width),
            nn.Linear(width, inner),
            nn.ReLU(),
            nn.Dropout(hidden_dropout),
            nn.Linear(inner, width),
            nn.Dropout(residual_dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width) to the same."""
        out: torch.Tensor = x + self.branch(x)
        return out


class TabularResidualNetwork(nn.Module):
    """A linear layer, residual blocks, and a linear layer behind normalization and relu."""

    def __init__(
        self,
        *,
        numeric: int,
        cardinalities: Sequence[int],
        outputs: int,
        width: int,
        blocks: int,
        inner: int,
        hidden_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding: int | None = None,
    ) -> None:
        super().__init__()
        self.inputs = TableInputs(numeric, cardinalities, embedding)
        self.first = nn.Linear(self.inputs.width, width)
        self.blocks = nn.Sequential(
            *(ResidualBlock(width, inner, hidden_dropout, residual_dropout) for _ in range(blocks))
        )
        self.before_output = nn.Sequential(BatchNorm(width), nn.ReLU())
        self.output = nn.Linear(width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                if module is self.output:
                    nn.init.xavier_uniform_(module.weight)
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes int64 (batch, columns), either without columns, to (batch, outputs)."""
        h = self.blocks(self.first(self.inputs(numeric, categorical)))  # (batch, width)
        out: torch.Tensor = self.output(self.before_output(h))
        return out
