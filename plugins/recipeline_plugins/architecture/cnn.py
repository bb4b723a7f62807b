"""Convolutions: the first network to try on images, and a quick one on series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "mish", "tanh"]


class CNN(Architecture, name="cnn"):
    """Blocks of convolutions, each followed by pooling: the first network to try on images, and quick on series.

        x_0 = image (channels, height, width), or series (channels, length)
        x_i = pool(dropout(activation(norm(W_i * x_(i-1) + b_i))))         * is a convolution
        outputs = W head(x_n) + b

    With `residual` a block adds its input to what its convolutions made of it, before pooling. Columns of numbers are
    put beside what the convolutions found. Series must be equally long; for others take `gru` or `transformer`.

    LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition; Ioffe & Szegedy 2015, Batch
    Normalization; He et al. 2015, Delving Deep into Rectifiers (the start).
    """

    example = """
        data:
          source: {type: image_folder, path: animals}
          target: label
        preprocessing:
          - {type: load_image, size: [64, 64]}
          - normalize_image
        architecture: {type: cnn, blocks: [32, 64, 128], head: average, dropout: 0.2}
    """

    accepts: ClassVar[tuple[str, ...]] = ("image", "series", "numeric")

    blocks: list[PositiveInt] = Field(default=[32, 64], min_length=1)
    """Channels of each block. With pooling every block halves height and width: small images bear few blocks."""
    kernel: Annotated[int, Field(ge=1, le=15)] = 3
    """Width of a convolution; odd, so that it has a middle."""
    convolutions: Annotated[int, Field(ge=1, le=8)] = 1
    """Convolutions in a block."""
    pooling: Literal["max", "average", "none"] = "max"
    """How a block halves height and width; `none` keeps them."""
    normalization: Literal["batch", "none"] = "batch"
    """Whether each channel is normalized after each convolution."""
    activation: Activation = "relu"
    """The non-linear function after each convolution."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of whole channels set to zero after each block while training, and of values before the output."""
    residual: bool = False
    """Whether a block's input is added to its output; helps when there are many."""
    head: Literal["flatten", "average"] = "flatten"
    """What the output sees: every place (for small images), or each channel's average (fewer weights, any place)."""
    hidden: list[PositiveInt] = Field(default=[])
    """Units of dense layers before the output."""
    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: kaiming_normal. glorot is
    another name for xavier, he one for kaiming."""

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"kernel is odd, so that it has a middle: {kernel - 1} or {kernel + 1}")
        return kernel

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from images (batch, channels, height, width), series (batch, length, channels) and numbers."""
        image, series = (inputs.blocks[kind] for kind in ("image", "series"))
        if not image.names and not series.names:
            raise RecipeError(
                Problem(
                    "the architecture 'cnn' has no image and no series to look at",
                    path="architecture",
                    suggestion="Say which column it is with data.columns: {NAME: image}, or take mlp.",
                )
            )
        smallest = min([*(image.shape[1:] if image.names else ()), *(series.shape[:1] if series.names else ())])
        if self.pooling != "none" and smallest >> len(self.blocks) < 1:
            raise RecipeError(
                Problem(
                    f"{len(self.blocks)} blocks that halve leave nothing of {smallest} places",
                    path="architecture.blocks",
                    found=str(self.blocks),
                    suggestion=f"Take {smallest.bit_length() - 1} at most, or pooling: none, or load larger images.",
                )
            )
        from recipeline_plugins.architecture.cnn_network import ConvolutionalNetwork, Style
        from recipeline_plugins.architecture.starts import start_hidden

        style = Style(
            blocks=tuple(self.blocks),
            kernel=self.kernel,
            convolutions=self.convolutions,
            pooling=self.pooling,
            normalize=self.normalization == "batch",
            activation=self.activation,
            dropout=self.dropout,
            residual=self.residual,
            flatten=self.head == "flatten",
        )
        network = ConvolutionalNetwork(
            image=image.shape if image.names else None,
            series=series.shape if series.names else None,
            numeric=inputs.numeric,
            outputs=outputs,
            style=style,
            hidden=self.hidden,
        )
        start_hidden(network, self.init, network.output)
        return network
