"""A loss for when too little is worse than too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    import torch


class Lopsided(Loss, name="lopsided"):
    """Squared error that weighs a prediction below the truth `under` times as much as one above it.

    Newey and Powell 1987, Asymmetric Least Squares Estimation and Testing: the minimum is an expectile.
    """

    tasks = frozenset({"regression"})
    under: PositiveFloat = 2.0
    """How much worse too little is than too much; 1 is the mean squared error."""

    def build(self, target: TargetSpec) -> LossFunction:
        """The mean over the batch."""

        def lopsided(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
            short = (truth - prediction).relu()
            over = (prediction - truth).relu()
            return (self.under * short.square() + over.square()).mean()

        return lopsided
