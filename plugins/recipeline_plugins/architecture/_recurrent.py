"""The settings that `rnn`, `lstm` and `gru` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from recipeline import Architecture, InputSpec
from recipeline_plugins.architecture._sequences import ACCEPTS, sequences, unit_of_differences
from recipeline_plugins.architecture._starts import NamedStart

if TYPE_CHECKING:
    from torch import nn


class Recurrent(Architecture):
    """Reads a sequence step by step, and answers from what it remembers and the columns beside."""

    accepts: ClassVar[tuple[str, ...]] = ACCEPTS

    cell: ClassVar[Literal["rnn", "lstm", "gru"]]
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("preprocessing.standardize_series", "preprocessing.normalize_target"),
        "with around_last, which wants series and target in one unit",
    )

    hidden: PositiveInt = 64
    """Numbers that it remembers, in each direction."""
    layers: PositiveInt = 1
    """Layers, each reading what the one below has made of every step."""
    bidirectional: bool = False
    """Whether a second set of weights reads the sequence backwards: for whole sentences and series, twice the time."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of numbers left out while training: of the token vectors, between layers, and of what is pooled."""
    pooling: Literal["last", "mean", "max"] = "last"
    """What the answer is made from. last: the state after the last step; mean and max: over all steps."""
    embedding: PositiveInt = 64
    """Numbers in the vector that stands for a token; without effect for series."""
    initialization: Literal["uniform", NamedStart] = "orthogonal"
    """How the weights start. orthogonal: recurrent ones as an orthogonal matrix (Saxe et al. 2014), the others as
    Glorot & Bengio 2010, biases at 0. uniform: all within 1/sqrt(hidden), torch's way. Another name of torch.nn.init
    is for each gate's recurrent and other weights, biases at 0."""
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

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from tokens or series, their lengths, and the numbers and codes beside, to (batch, outputs)."""
        found = sequences(self.plugin_name, inputs)
        from recipeline_plugins.architecture.recurrent_network import RecurrentNetwork

        return RecurrentNetwork(
            cell=self.cell,
            vocabulary=found.vocabulary,
            channels=found.channels,
            outputs=outputs,
            hidden=self.hidden,
            layers=self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            pooling=self.pooling,
            embedding=self.embedding,
            initialization=self.initialization,
            around_last=self.around_last,
            own_unit=self.own_unit,
            numeric=found.numeric,
            codes=found.codes,
        )
