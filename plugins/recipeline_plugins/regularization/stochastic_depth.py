"""Leaving out residual branches at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    from torch import nn


class StochasticDepth(Regularization, name="stochastic_depth"):
    """Leaves out whole residual branches at random, row by row: a deep network that trains as a shallow one.

        x = x + mask · branch(x) / (1 - p)        mask: for each row 1 with probability 1 - p, else 0
        evaluation:  x = x + branch(x)

    p rises from block to block, l / L · p for the branch l of L, because the first ones carry what all others need
    (`linear`); or is the same for all. Works on blocks that name their branches (`mlp` with residual: true,
    `tabular_resnet`, `ft_transformer`) and on torch.nn's transformer layers; where there is none, it says so.
    Huang et al. 2016, Deep Networks with Stochastic Depth, leave out a branch for the whole batch and scale at
    evaluation instead.
    """

    example = """
        architecture: {type: tabular_resnet, blocks: 6}
        regularization:
          - {type: stochastic_depth, p: 0.2}
    """

    conflicts: ClassVar[frozenset[str]] = frozenset(
        {"architecture.linear", "architecture.rnn", "architecture.lstm", "architecture.gru"}
    )
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(conflicts, "it has no residual branches")

    p: float = Field(default=0.2, gt=0, lt=1)
    """Probability that the last branch is left out for a row."""
    linear: bool = True
    """Leave out the first branches less than the last, in proportion to their place; false takes p for all."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Put a chance before each addition, in place."""
        from recipeline_plugins.regularization.stochastic_depth_rewrite import add_chances

        if add_chances(model, self.p, self.linear) == 0:
            raise RecipeError(
                Problem(
                    "'stochastic_depth' found nothing to act on: the network has no residual block that names its "
                    "branches",
                    path="regularization",
                    suggestion="Remove 'stochastic_depth', or choose an architecture with residual blocks, such as "
                    "'tabular_resnet'.",
                )
            )
        return model
