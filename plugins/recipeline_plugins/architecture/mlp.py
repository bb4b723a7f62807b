"""A multilayer perceptron, the network to try first on a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from torch import nn


class MLP(Architecture, name="mlp"):
    """Fully connected layers, one after the other: the network to try first on a table.

        h0 = [numeric features, embedded categories]
        hk = dropout(activation(normalization(Wk h(k-1) + bk)))      k = 1 ... number of hidden layers
        outputs = W hn + b

    Weights before relu-like activations start as He et al. 2015 (Delving Deep into Rectifiers) found, normal with
    variance 2/inputs; the others as Glorot & Bengio 2010; biases at zero. Columns of category codes, as `ordinal`
    makes them, are embedded: each code gets a vector of its own that is learnt (Guo & Berkhahn 2016, Entity
    Embeddings of Categorical Variables).
    """

    example = "architecture: {type: mlp, hidden: [256, 128], activation: relu, normalization: batch, dropout: 0.5}"

    accepts: ClassVar[tuple[str, ...]] = ("numeric", "categorical")

    hidden: list[PositiveInt] = Field(default=[128, 64])
    """Width of each hidden layer, from the input on. An empty list leaves a linear model."""
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid"] = (
        "relu"
    )
    """What makes a layer non-linear. relu is fastest; gelu and silu are smooth; tanh and sigmoid are bounded."""
    normalization: Literal["none", "batch", "layer"] = "none"
    """Before each activation. batch: over the rows of a batch (Ioffe & Szegedy 2015), poor below about 16 rows.
    layer: over the units of a row (Ba et al. 2016), for any batch size."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of hidden units left out at each step, after each activation; 0 leaves out none."""
    residual: bool = False
    """Add each hidden layer's input to its output (He et al. 2016), through a linear map where the widths differ.
    Helps from about four layers on."""
    embedding: PositiveInt | Literal["auto"] = "auto"
    """Numbers in a category's vector; auto takes min(50, 1 + codes // 2) for each column."""
    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: he_normal, and
    glorot_uniform for tanh and sigmoid. lecun_normal (variance 1/inputs) is for selu; orthogonal keeps lengths, for
    many layers (Saxe et al. 2014). glorot is another name for xavier, he one for kaiming."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from (batch, features) and codes (batch, columns) to (batch, outputs)."""
        if inputs.numeric == 0 and not inputs.cardinalities:
            raise RecipeError(
                Problem(
                    "the architecture 'mlp' has no inputs: no numeric and no categorical feature is left after "
                    "preprocessing",
                    path="architecture",
                    suggestion="Keep at least one column: see data.columns and the steps that drop columns.",
                )
            )
        from recipeline_plugins.architecture.mlp_network import MultilayerPerceptron

        return MultilayerPerceptron(
            numeric=inputs.numeric,
            cardinalities=inputs.cardinalities,
            outputs=outputs,
            hidden=self.hidden,
            activation=self.activation,
            normalization=self.normalization,
            dropout=self.dropout,
            residual=self.residual,
            embedding=None if self.embedding == "auto" else self.embedding,
            init=self.init,
        )
