"""`transformer`: every step of a sequence looks at every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from recipeline import Architecture, InputSpec
from recipeline_plugins.architecture._sequences import ACCEPTS, sequences, unit_of_differences

if TYPE_CHECKING:
    from torch import nn


class Transformer(Architecture, name="transformer"):
    """A Transformer encoder: every step of a text or a series looks at all others, and the answer at their mean.

        x0 = token vectors (or a linear map of a series' channels) + positions
        x  = x + attention(norm(x))          softmax(Q Kᵀ / sqrt(width / heads)) V, heads side by side
        x  = x + W2 gelu(W1 norm(x))         both `layers` times
        outputs = W mean(norm(x)) + b        over the steps that a row has

    Columns of numbers and of codes (`ordinal`) beside the sequence join its summary in a dense layer before W.

    The norms stand before the branches (Xiong et al. 2020), so that it trains without a warm-up; a short `warmup`
    helps all the same. Time and memory grow with the square of the length. Trained from scratch on some thousand
    short texts it stays behind a linear model of word counts, and behind `gru`: it wants more data.

    Vaswani et al. 2017, Attention Is All You Need.
    """

    example = """
        data:
          source: {type: csv, path: reviews.csv}
          target: verdict
          columns: {review: text}
        preprocessing:
          - {type: tokenize, columns: review, length: 64}
        architecture: {type: transformer, width: 64, heads: 4, layers: 2}
        scheduler: {type: cosine, warmup_epochs: 1}
    """

    accepts: ClassVar[tuple[str, ...]] = ACCEPTS
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("preprocessing.standardize_series", "preprocessing.normalize_target"),
        "with around_last, which wants series and target in one unit",
    )

    width: PositiveInt = 64
    """Numbers that stand for a step, throughout."""
    heads: PositiveInt = 4
    """Ways of looking, side by side; they share the width, which has to be a multiple."""
    layers: PositiveInt = 2
    """Blocks of attention and two dense layers."""
    feedforward: PositiveInt | Literal["auto"] = "auto"
    """Width between the two dense layers; auto takes four times `width`."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of numbers left out while training: of the vectors at the start, and of what each branch adds. Attention
    itself loses none, so that torch's fused kernel computes it."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a step knows its place. sinusoidal: fixed waves times a learnt factor, for any length. learned: a vector for
    each place; places that the data doesn't have when training starts share the last one's."""
    pooling: Literal["mean", "max", "last"] = "mean"
    """What the answer is made from: the mean or the largest over all steps, or the last step, as for forecasts."""
    around_last: bool = False
    """Read a series as differences from its last value, and add that value to the answers: what is forecast is then
    the change, at any level (Zeng et al. 2023, NLinear). Of several channels, the first is the one forecast. Leave
    `standardize_series` and `normalize_target` out: two spreads that differ by a hundredth move the answer at levels
    far from training's. A series in very large or small numbers wants `own_unit` or another unit."""
    own_unit: bool = False
    """With `around_last`: measure each row's differences in their own root mean square, and give the answers back in
    the series' unit (after Kim et al. 2022, RevIN). Series of any size then look alike, several ones in a table too."""

    @model_validator(mode="after")
    def _unit_of_differences(self) -> Self:
        return unit_of_differences(self)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads, which share it (width {self.width}, heads {self.heads}): "
                f"for instance width {-(-self.width // self.heads) * self.heads}"
            )
        return self

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from tokens or series, their lengths, and the numbers and codes beside, to (batch, outputs)."""
        found = sequences(self.plugin_name, inputs)
        from recipeline_plugins.architecture.transformer_network import TransformerNetwork

        return TransformerNetwork(
            vocabulary=found.vocabulary,
            channels=found.channels,
            longest=found.longest,
            outputs=outputs,
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            feedforward=4 * self.width if self.feedforward == "auto" else self.feedforward,
            dropout=self.dropout,
            positions=self.positions,
            pooling=self.pooling,
            around_last=self.around_last,
            own_unit=self.own_unit,
            numeric=found.numeric,
            codes=found.codes,
        )
