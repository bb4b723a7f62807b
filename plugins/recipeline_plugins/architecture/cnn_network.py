"""The network of `cnn`, in plain torch and plain arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True, slots=True)
class Style:
    """What a stack of convolutional blocks looks like."""

    blocks: tuple[int, ...]
    kernel: int = 3
    convolutions: int = 1
    pooling: str = "max"
    normalize: bool = True
    activation: str = "relu"
    dropout: float = 0.0
    residual: bool = False
    flatten: bool = True


class Dimension:
    """The layers for images (2) or series (1)."""

    def __init__(self, number: int) -> None:
        two = number == 2
        self.conv: type[nn.Conv1d | nn.Conv2d] = nn.Conv2d if two else nn.Conv1d
        self.norm: type[nn.BatchNorm1d | nn.BatchNorm2d] = nn.BatchNorm2d if two else nn.BatchNorm1d
        self.dropout: type[nn.Module] = nn.Dropout2d if two else nn.Dropout1d
        self.pools: dict[str, type[nn.Module]] = {
            "max": nn.MaxPool2d if two else nn.MaxPool1d,
            "average": nn.AvgPool2d if two else nn.AvgPool1d,
        }


class Residual(nn.Module):
    """A branch whose input is added to its output, through a 1-wide convolution where the channels differ."""

    residual_branches = ("branch",)

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *places) to (batch, channels out, *places)."""
        out: torch.Tensor = self.branch(x) + self.shortcut(x)
        return out


def stack(channels: int, style: Style, dimension: Dimension) -> nn.Sequential:
    """The blocks, one after the other."""
    layers = nn.Sequential()
    for width in style.blocks:
        convolutions = nn.Sequential()
        given = channels
        for _ in range(style.convolutions):
            # A bias before batch norm would be taken out again by it.
            convolutions.append(
                dimension.conv(given, width, style.kernel, padding=style.kernel // 2, bias=not style.normalize)
            )
            if style.normalize:
                convolutions.append(dimension.norm(width))
            convolutions.append(ACTIVATIONS[style.activation]())
            given = width
        if style.residual:
            shortcut = nn.Identity() if channels == width else dimension.conv(channels, width, 1, bias=False)
            layers.append(Residual(convolutions, shortcut))
        else:
            layers.append(convolutions)
        if style.pooling != "none":
            layers.append(dimension.pools[style.pooling](2))
        if style.dropout > 0:
            layers.append(dimension.dropout(style.dropout))
        channels = width
    return layers


class ConvolutionalNetwork(nn.Module):
    """Looks at the image and the series by convolutions, puts the numbers beside them, and decides."""

    def __init__(
        self,
        *,
        image: Sequence[int] | None,
        series: Sequence[int] | None,
        numeric: int,
        outputs: int,
        style: Style,
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.flatten = style.flatten
        width = numeric
        self.image = self.series = None
        if image is not None:
            self.image = stack(image[0], style, Dimension(2))
            width += self._width(image[1:], style)
        if series is not None:
            self.series = stack(series[1], style, Dimension(1))
            width += self._width(series[:1], style)
        head = nn.Sequential()
        for units in hidden:
            head.extend([nn.Linear(width, units), ACTIVATIONS[style.activation]()])
            width = units
        if style.dropout > 0:
            head.append(nn.Dropout(style.dropout))
        self.head = head
        self.output = nn.Linear(width, outputs)
        initialize(self, self.output)

    def _width(self, places: Sequence[int], style: Style) -> int:
        halved = [size if style.pooling == "none" else size >> len(style.blocks) for size in places]
        return style.blocks[-1] * (math.prod(halved) if self.flatten else 1)

    def forward(self, image: torch.Tensor, series: torch.Tensor, numeric: torch.Tensor) -> torch.Tensor:
        """Images (batch, channels, height, width), series (batch, length, channels), numbers (batch, features)."""
        seen = [numeric]
        if self.image is not None:
            seen.append(self._summed_up(self.image(image)))
        if self.series is not None:
            seen.append(self._summed_up(self.series(series.transpose(1, 2))))  # (batch, channels, length)
        out: torch.Tensor = self.output(self.head(torch.cat(seen, dim=1)))
        return out

    def _summed_up(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) if self.flatten else x.flatten(2).mean(dim=2)


def initialize(network: nn.Module, output: nn.Module) -> None:
    """He's start for what an activation follows, Glorot's for the output."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            if module is output:
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
