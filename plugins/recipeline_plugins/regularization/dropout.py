"""Dropout for any architecture, built-in or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    from torch import nn


class Dropout(Regularization, name="dropout"):
    """Leaves out a random share of the hidden units at each training step, in any architecture.

        h = h · mask / (1 - p)                   mask: 1 with probability 1 - p, else 0; evaluation keeps h

    It stands after every hidden activation that is a module of torch.nn (ReLU, GELU, Tanh, ...), never after an
    activation that ends the network. Activations written as functions inside `forward` can't be found; where nothing
    is found, it says so. `mlp` has a `dropout` of its own: one of the two is enough. More than 0.5 seldom helps.

    Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    example = """
        architecture: {type: mlp, hidden: [256, 128]}
        regularization:
          - {type: dropout, p: 0.3}
    """
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "regularization.batch_norm": (
            "units vary more in training than in evaluation, which batch norm's running "
            "variance doesn't know (Li et al. 2019, Understanding the Disharmony between "
            "Dropout and Batch Normalization)"
        ),
    }

    conflicts: ClassVar[frozenset[str]] = frozenset({"architecture.linear"})
    reasons: ClassVar[Mapping[str, str]] = {"architecture.linear": "it has no hidden units"}

    p: float = Field(default=0.5, gt=0, lt=1)
    """Share of the units that are left out at a step."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Put dropout after each hidden activation of the network, in place."""
        from recipeline_plugins.regularization.dropout_rewrite import add_dropout

        if add_dropout(model, self.p) == 0:
            raise RecipeError(
                Problem(
                    "'dropout' found nothing to act on: the network has no hidden activation that is a module of "
                    "torch.nn",
                    path="regularization",
                    suggestion="Remove 'dropout', or choose an architecture with hidden layers, such as 'mlp'.",
                )
            )
        return model
