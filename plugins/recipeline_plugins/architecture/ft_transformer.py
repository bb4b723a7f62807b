"""A Transformer over the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from torch import nn


class FTTransformer(Architecture, name="ft_transformer"):
    """Makes each column a token and lets the tokens attend to each other: finds which columns go together.

        token of a number x:  x w + b          of a code: its vector + b          and one more token, whose end answers
        t = t + attention(norm(t));  t = t + feed_forward(norm(t))                for each block
        feed_forward(t) = W2 dropout(a · relu(g)) + b2     with a, g = the halves of W1 t + b1
        outputs = W relu(norm(last token)) + b

    norm is layer normalization; the first attention has none. The work grows with the square of the number of
    columns: for hundreds of them take `tabular_resnet`. It wants a small learning rate (1e-4 with `adamw`), and a GPU
    where rows are many. What a block adds can be left out at random by `stochastic_depth`.
    Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data.
    """

    example = """
        preprocessing:
          - {type: impute, columns: all}
          - {type: standardize, columns: numeric}
          - {type: ordinal, columns: categorical}      # each code gets a vector that is learnt
        architecture: {type: ft_transformer, width: 64, heads: 4, blocks: 2}
        optimizer: {type: adamw, lr: 1e-4}
    """

    accepts: ClassVar[tuple[str, ...]] = ("numeric", "categorical")
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "preprocessing.one_hot": "each category becomes a token of its own; with `preprocessing.ordinal` a column does",
    }

    width: PositiveInt = 192
    """Numbers in a token; a multiple of `heads`."""
    blocks: PositiveInt = 3
    """How many blocks; the paper finds 1 to 6 best."""
    heads: PositiveInt = 8
    """How many ways to attend side by side, each over width / heads numbers."""
    factor: PositiveFloat = 4 / 3
    """How many times wider the feed-forward part is inside."""
    attention_dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the attention left out at each step."""
    hidden_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the feed-forward part's inner units left out at each step."""
    residual_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of what a block adds that is left out at each step."""
    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: as torch makes its layers.
    glorot is another name for xavier, he one for kaiming."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width has to be a multiple of heads, and {self.width} is none of {self.heads}")
        return self

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from (batch, features) and codes (batch, columns) to (batch, outputs)."""
        if inputs.numeric == 0 and not inputs.cardinalities:
            raise RecipeError(
                Problem(
                    "the architecture 'ft_transformer' has no inputs: no numeric and no categorical feature is left "
                    "after preprocessing",
                    path="architecture",
                    suggestion="Keep at least one column: see data.columns and the steps that drop columns.",
                )
            )
        from recipeline_plugins.architecture.ft_transformer_network import FeatureTransformer
        from recipeline_plugins.architecture.starts import start_hidden

        network = FeatureTransformer(
            numeric=inputs.numeric,
            cardinalities=inputs.cardinalities,
            outputs=outputs,
            width=self.width,
            blocks=self.blocks,
            heads=self.heads,
            inner=max(1, round(self.width * self.factor)),
            attention_dropout=self.attention_dropout,
            hidden_dropout=self.hidden_dropout,
            residual_dropout=self.residual_dropout,
        )
        start_hidden(network, self.init, network.output)
        return network
