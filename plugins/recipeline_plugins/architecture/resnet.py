"""A small residual network: for images that a few convolutions don't understand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from typing import Self

    from torch import nn


class ResNet(Architecture, name="resnet"):
    """Many convolutions, two at a time around a shortcut: deeper than `cnn`, and it still learns.

        x_(i+1) = relu(shortcut(x_i) + norm(W' * relu(norm(W * x_i))))         * is a 3 x 3 convolution

    Stages of such pairs, each after the first with half the height and width; then each channel's average. The second
    norm of a pair starts at zero, so that a pair first lets its input through. Columns of numbers are put beside what
    the convolutions found. [16, 32, 64] with depths [3, 3, 3] is the ResNet-20 of the paper.

    He, Zhang, Ren & Sun 2016, Deep Residual Learning for Image Recognition; Goyal et al. 2017, Accurate, Large
    Minibatch SGD (the norms that start at zero).
    """

    example = """
        data:
          source: {type: image_folder, path: animals}
          target: label
        preprocessing:
          - {type: load_image, size: [64, 64]}
          - normalize_image
        architecture: {type: resnet, widths: [16, 32, 64], depths: [3, 3, 3]}
    """

    accepts: ClassVar[tuple[str, ...]] = ("image", "numeric")

    widths: list[PositiveInt] = Field(default=[16, 32, 64], min_length=1, max_length=6)
    """Channels of each stage."""
    depths: list[PositiveInt] = Field(default=[2, 2, 2], min_length=1, max_length=6)
    """Pairs of convolutions in each stage."""
    stem: Literal["small", "large"] = "small"
    """The first layer: 3 x 3 for images up to about 64 pixels; `large` is 7 x 7 and makes a quarter of height and
    width, for images of 128 pixels and more."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of values set to zero before the output while training."""
    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: kaiming_normal, by
    what a kernel gives. glorot is another name for xavier, he one for kaiming."""

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.widths) != len(self.depths):
            raise ValueError(
                f"widths and depths have one number a stage each: {len(self.widths)} and {len(self.depths)} were given"
            )
        return self

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from images (batch, channels, height, width) and numbers (batch, features)."""
        image = inputs.blocks["image"]
        if not image.names:
            raise RecipeError(
                Problem(
                    "the architecture 'resnet' has no image to look at",
                    path="architecture",
                    suggestion="Say which column it is with data.columns: {NAME: image}, or take mlp.",
                )
            )
        from recipeline_plugins.architecture.resnet_network import ResidualNetwork
        from recipeline_plugins.architecture.starts import start_hidden

        network = ResidualNetwork(
            channels=image.shape[0],
            numeric=inputs.numeric,
            outputs=outputs,
            widths=self.widths,
            depths=self.depths,
            large_stem=self.stem == "large",
            dropout=self.dropout,
        )
        start_hidden(network, self.init, network.output)
        return network
