"""A linear model, so that there is something simple to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from recipeline import Architecture, InputSpec, Problem, RecipeError
from recipeline_plugins.architecture._starts import NamedStart

if TYPE_CHECKING:
    from torch import nn


class Linear(Architecture, name="linear"):
    """One linear layer: linear regression, or logistic regression for classes. The model to beat.

        outputs = W x + b        W: (outputs, features)

    With the loss `mse` it is least squares, with `cross_entropy` multinomial logistic regression. It takes numbers
    only: put `one_hot` before it for categories. W and b start at zero, unless `init` says otherwise: the problem is
    convex, so that no start is better than the one that favours no feature, and no random number decides anything.

    Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, chapters 3 and 4.4.
    """

    example = """
        preprocessing:
          - {type: impute, columns: all}
          - {type: standardize, columns: numeric}
          - {type: one_hot, columns: categorical}
        architecture: linear
    """

    accepts: ClassVar[tuple[str, ...]] = ("numeric",)

    bias: bool = True
    """Whether there is a b: without it the model passes through the origin."""
    init: Literal["zeros", "random", NamedStart] | float = "zeros"
    """Where W starts: zeros, random (uniform up to 1/sqrt(features), b too), one number for every weight, or a name as
    in torch.nn.init, b then at zero."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A layer from (batch, features) to (batch, outputs)."""
        if inputs.numeric == 0:
            raise RecipeError(
                Problem(
                    "the architecture 'linear' has no inputs: no numeric feature is left after preprocessing",
                    path="architecture",
                    suggestion="Keep at least one numeric column, or turn categories into numbers with 'one_hot'.",
                )
            )
        from torch import nn

        from recipeline_plugins.architecture.starts import STARTS

        layer = nn.Linear(inputs.numeric, outputs, bias=self.bias)
        if self.init != "random":  # which is how torch has made it
            if isinstance(self.init, float):
                nn.init.constant_(layer.weight, self.init)
            elif self.init == "zeros":
                nn.init.zeros_(layer.weight)
            else:
                STARTS[self.init](layer.weight)
            if self.bias:
                nn.init.zeros_(layer.bias)
        return layer
