"""A penalty that removes whole units and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat

from recipeline import Proximal, Regularization

if TYPE_CHECKING:
    import torch
    from torch import nn


class GroupLasso(Regularization, name="group_lasso"):
    """Adds the norms of groups of weights to the loss: a group goes to zero as a whole, and its unit with it.

        penalty = weight · sum over groups sqrt(size) · ||w_group||        the Euclidean norm, and not its square

    `outgoing` groups are all weights that leave a feature or a unit: at zero, nothing behind sees it, so the first
    layer's groups choose features. `incoming` groups are all weights that enter a unit. The optimizer
    `proximal_gradient` takes this penalty over and makes groups exactly zero; others jitter around zero.
    Yuan & Lin 2006, Model Selection and Estimation in Regression with Grouped Variables; for networks Scardapane et
    al. 2017, Group Sparse Regularization for Deep Neural Networks.
    """

    example = """
        regularization:
          - {type: group_lasso, weight: 0.01, groups: outgoing}      # whole features go to zero
        optimizer: {type: proximal_gradient, lr: 0.05}
        training: {batch_size: full}
    """

    weight: NonNegativeFloat = 1e-4
    """How much the penalty counts against the loss; 0 turns it off."""
    groups: Literal["outgoing", "incoming"] = "outgoing"
    """Which weights of a matrix go together: those that leave an input of it, or those that enter an output."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Leave the network as it is, having checked that there is something to act on."""
        from recipeline_plugins.regularization.penalized import penalized

        penalized(model, "weights", "group_lasso")
        return model

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """The penalty at the network's present weights."""
        if self.weight == 0:
            return None
        import torch

        from recipeline_plugins.regularization.group_norms import group_norms
        from recipeline_plugins.regularization.penalized import penalized

        sums = []
        for w in penalized(model, "weights", "group_lasso"):
            norms, size = group_norms(w, self._axis)
            sums.append(size**0.5 * norms.sum())
        return self.weight * torch.stack(sums).sum()

    def proximal(self, model: nn.Module) -> list[Proximal]:
        """Shrinking the groups' norms, by which they become exactly zero."""
        from recipeline_plugins.regularization.group_norms import shrunk
        from recipeline_plugins.regularization.penalized import penalized

        def shrink(value: torch.Tensor, step: float) -> torch.Tensor:
            return shrunk(value, step * self.weight, self._axis)

        return [Proximal(w, shrink) for w in penalized(model, "weights", "group_lasso")] if self.weight > 0 else []

    @property
    def _axis(self) -> int:
        return 1 if self.groups == "outgoing" else 0
