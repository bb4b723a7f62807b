"""A residual network for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from torch import nn


class TabularResNet(Architecture, name="tabular_resnet"):
    """Blocks that add to what they are given: a deep network for tables, as quick as `mlp` and often a little better.

        h0 = W [numeric features, embedded categories] + b
        hk = h(k-1) + dropout(W2 dropout(relu(W1 batchnorm(h(k-1)) + b1)) + b2)        k = 1 ... blocks
        outputs = W relu(batchnorm(hn)) + b

    What a block adds can be left out at random by `stochastic_depth`. Batch normalization wants batches of about 16
    rows or more. Weights start as He et al. 2015 found; columns of category codes are embedded as in `mlp`.
    Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data.
    """

    example = """
        preprocessing:
          - {type: impute, columns: all}
          - {type: standardize, columns: numeric}
          - {type: ordinal, columns: categorical}      # each code gets a vector that is learnt
        architecture: {type: tabular_resnet, width: 128, blocks: 4}
        training: {batch_size: 128}
    """

    accepts: ClassVar[tuple[str, ...]] = ("numeric", "categorical")
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "training.batch_size": "below about 16: its batch norm takes the mean of so few rows, which is mostly chance",
    }

    width: PositiveInt = 128
    """Numbers that go from block to block."""
    blocks: PositiveInt = 3
    """How many blocks; the paper finds 1 to 8 best."""
    factor: PositiveFloat = 2.0
    """How many times wider a block is inside."""
    hidden_dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the inner units left out at each step."""
    residual_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of what a block adds that is left out at each step."""
    embedding: PositiveInt | Literal["auto"] = "auto"
    """Numbers in a category's vector; auto takes min(50, 1 + codes // 2) for each column."""
    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: kaiming_normal. glorot is
    another name for xavier, he one for kaiming."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from (batch, features) and codes (batch, columns) to (batch, outputs)."""
        if inputs.numeric == 0 and not inputs.cardinalities:
            raise RecipeError(
                Problem(
                    "the architecture 'tabular_resnet' has no inputs: no numeric and no categorical feature is left "
                    "after preprocessing",
                    path="architecture",
                    suggestion="Keep at least one column: see data.columns and the steps that drop columns.",
                )
            )
        from recipeline_plugins.architecture.starts import start_hidden
        from recipeline_plugins.architecture.tabular_resnet_network import TabularResidualNetwork

        network = TabularResidualNetwork(
            numeric=inputs.numeric,
            cardinalities=inputs.cardinalities,
            outputs=outputs,
            width=self.width,
            blocks=self.blocks,
            inner=max(1, round(self.width * self.factor)),
            hidden_dropout=self.hidden_dropout,
            residual_dropout=self.residual_dropout,
            embedding=None if self.embedding == "auto" else self.embedding,
        )
        start_hidden(network, self.init, network.output)
        return network
