"""Training on mixtures of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    import torch


class Mixup(Regularization, name="mixup"):
    """Trains on mixtures of two rows and of their targets: what lies between two rows should be answered between.

        x = r x + (1 - r) x'        y = r y + (1 - r) y'        r ~ Beta(alpha, alpha), one for a batch

    x', y' are the rows of the same batch in another order. Classes become shares, so the loss must take them
    (`cross_entropy`, `one_hot_cross_entropy`, `focal`, ...). Inputs have to be numbers: category codes can't be mixed,
    turn them into columns with `one_hot`. Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization.
    """

    example = """
        preprocessing:
          - {type: impute, columns: all}
          - {type: standardize, columns: numeric}
          - {type: one_hot, columns: categorical}
        regularization:
          - {type: mixup, alpha: 0.2}
    """

    soft_targets: ClassVar[bool] = True
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "preprocessing.ordinal": "there is nothing between two codes: refused where the network embeds them",
    }

    alpha: PositiveFloat = 0.2
    """How much is mixed: near 0 nearly nothing, 1 every mixture alike; 0.1 to 0.4 is usual."""

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Mix each row with another one."""
        import torch

        from recipeline_plugins.regularization.mixing import share_for

        if any(block.numel() and not block.is_floating_point() for block in inputs):
            raise RecipeError(
                Problem(
                    "'mixup' can't mix category codes: there is nothing between two of them",
                    path="regularization",
                    suggestion="Turn them into columns with the preprocessing step 'one_hot', or remove 'mixup'.",
                )
            )
        share = share_for(self.alpha)
        order = torch.randperm(len(target), device=target.device)
        mixed = tuple(torch.lerp(x[order], x, share) if x.numel() else x for x in inputs)
        return mixed, torch.lerp(target[order], target, share)
