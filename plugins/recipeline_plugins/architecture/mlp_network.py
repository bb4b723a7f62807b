"""The network of `mlp`, in plain torch and plain arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from recipeline_plugins.architecture.starts import STARTS

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

SATURATING = ("tanh", "sigmoid")
"""Activations that keep their variance with Glorot's start; the relu-like ones need He's."""


class BatchNorm(nn.BatchNorm1d):
    """Batch normalization that a training batch of one row doesn't stop.

    One row has no spread. It is normalized by the running statistics and leaves them as they are, so that a train
    part of 32 k + 1 rows trains.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's name for it
        """Normalize (batch, width) by the batch's mean and variance, or the running ones in evaluation."""
        if self.training and len(input) == 1:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(input)


NORMALIZATIONS: dict[str, type[nn.Module]] = {"batch": BatchNorm, "layer": nn.LayerNorm}


class Residual(nn.Module):
    """A layer whose input is added to its output, through a linear map where the widths differ."""

    residual_branches = ("layer",)

    def __init__(self, layer: nn.Module, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = layer
        self.shortcut = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs) -> (batch, outputs)."""
        out: torch.Tensor = self.layer(x) + self.shortcut(x)
        return out


class MultilayerPerceptron(nn.Module):
    """Embeds the codes, puts them beside the numbers, and sends both through the hidden layers."""

    def __init__(
        self,
        *,
        numeric: int,
        cardinalities: Sequence[int],
        outputs: int,
        hidden: Sequence[int],
        activation: str = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        residual: bool = False,
        embedding: int | None = None,
        init: str = "auto",
    ) -> None:
        super().__init__()
        sizes = [embedding or embedding_size(codes) for codes in cardinalities]
        self.embeddings = nn.ModuleList(
            nn.Embedding(codes, size) for codes, size in zip(cardinalities, sizes, strict=True)
        )
        width = numeric + sum(sizes)
        layers: list[nn.Module] = []
        for units in hidden:
            layer = nn.Sequential(nn.Linear(width, units))
            if normalization != "none":
                layer.append(NORMALIZATIONS[normalization](units))
            layer.append(ACTIVATIONS[activation]())
            if dropout > 0:
                layer.append(nn.Dropout(dropout))
            layers.append(Residual(layer, width, units) if residual else layer)
            width = units
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(width, outputs)
        hidden_init = ("glorot_uniform" if activation in SATURATING else "he_normal") if init == "auto" else init
        self._initialize(hidden_init)

    def _initialize(self, hidden: str) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # The outputs have no activation behind them, which is what Glorot's start is for.
                STARTS["glorot_uniform" if module is self.output else hidden](module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                # A code's vector is as large as one standardized column, however many numbers it has.
                nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes int64 (batch, columns), either without columns, to (batch, outputs)."""
        if not self.embeddings:
            x = numeric
        else:
            vectors = [embed(categorical[:, column]) for column, embed in enumerate(self.embeddings)]
            x = torch.cat([numeric, *vectors], dim=1)  # (batch, features + embedding sizes)
        out: torch.Tensor = self.output(self.hidden(x))
        return out


def embedding_size(codes: int) -> int:
    """Numbers in the vector of a column with this many codes."""
    return min(50, 1 + codes // 2)
