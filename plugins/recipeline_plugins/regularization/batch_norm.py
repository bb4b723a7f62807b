"""Batch normalization for any architecture, built-in or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    from torch import nn


class BatchNorm(Regularization, name="batch_norm"):
    """Normalizes every hidden layer's outputs over the rows of a batch, in any architecture.

        h = gamma (h - mean) / sqrt(variance + eps) + beta        mean, variance: of the batch, for each unit
        running = (1 - momentum) running + momentum · the batch's        which evaluation uses

    Put in behind every linear or convolutional layer that is a module of torch.nn and has no normalization behind
    it already, except the last, which is the output. gamma and beta are learnt. Lets larger learning rates train,
    and the noise of the batch's mean regularizes a little. A last batch of a single row is normalized by the
    running numbers. Where nothing is found, it says so. `mlp` has `normalization: batch` of its own, which is the
    same. Ioffe & Szegedy 2015, Batch Normalization.
    """

    example = """
        regularization: [batch_norm]
        training: {batch_size: 64}
    """
    conflicts: ClassVar[frozenset[str]] = frozenset({"training.batch_size=1"})
    reasons: ClassVar[Mapping[str, str]] = {"training.batch_size=1": "one row has no spread to divide by"}
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "training.batch_size": "below about 16: the mean of so few rows is mostly chance",
    }

    momentum: float = Field(default=0.1, gt=0, le=1)
    """Share of the newest batch in the running mean and variance: less is steadier, and needs more steps."""
    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance, so that a unit that never changes isn't divided by zero."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Put normalization behind each hidden layer of the network, in place."""
        from recipeline_plugins.regularization.batch_norm_rewrite import add_batch_norm

        if add_batch_norm(model, self.momentum, self.eps) == 0:
            raise RecipeError(
                Problem(
                    "'batch_norm' found nothing to act on: the network has no hidden layer without normalization "
                    "that is a module of torch.nn",
                    path="regularization",
                    suggestion="Remove 'batch_norm', or choose an architecture with hidden layers, such as 'mlp'.",
                )
            )
        return model
