"""The network of `resnet`, in plain torch and plain arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def convolution(given: int, made: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the places (but for the stride), and its batch norm."""
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(made)
    )


class Pair(nn.Module):
    """Two convolutions around a shortcut."""

    residual_branches = ("branch",)

    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        last = convolution(made, made, 3)
        self.branch = nn.Sequential(convolution(given, made, 3, stride), nn.ReLU(), last)
        norm = last[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)  # at first a pair lets its input through
        same = given == made and stride == 1
        self.shortcut = nn.Identity() if same else convolution(given, made, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, given, height, width) to (batch, made, height / stride, width / stride)."""
        out: torch.Tensor = torch.relu(self.branch(x) + self.shortcut(x))
        return out


class ResidualNetwork(nn.Module):
    """A first layer, stages of pairs, each channel's average, and the decision."""

    def __init__(
        self,
        *,
        channels: int,
        numeric: int,
        outputs: int,
        widths: Sequence[int],
        depths: Sequence[int],
        large_stem: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        stem = convolution(channels, widths[0], 7, 2) if large_stem else convolution(channels, widths[0], 3)
        stem.append(nn.ReLU())
        if large_stem:
            stem.append(nn.MaxPool2d(3, stride=2, padding=1))
        self.stem = stem
        stages = nn.Sequential()
        given = widths[0]
        for place, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for pair in range(depth):
                stages.append(Pair(given, width, stride=2 if place and pair == 0 else 1))
                given = width
        self.stages = stages
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(given + numeric, outputs)
        self._initialize()

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, image: torch.Tensor, numeric: torch.Tensor) -> torch.Tensor:
        """Images (batch, channels, height, width) and numbers (batch, features) to (batch, outputs)."""
        seen = self.stages(self.stem(image)).mean(dim=(2, 3))  # (batch, channels)
        out: torch.Tensor = self.output(self.dropout(torch.cat([seen, numeric], dim=1)))
        return out
