"""Trusting the labels a little less."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Regularization

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class LabelSmoothing(Regularization, name="label_smoothing"):
    """Spreads a part of each row's class over all classes, so that the model doesn't grow certain without end.

        q = (1 - share) q + share / k        of k classes

    With `cross_entropy` it is that loss's own `label_smoothing` (one of the two is enough), and it works with every
    loss that takes shares of classes. Wrong labels do less harm; probabilities grow more cautious. Only training
    sees it: `val/loss` is on the labels as they are.
    Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision.
    """

    example = """
        loss: focal
        regularization:
          - {type: label_smoothing, share: 0.1}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    soft_targets: ClassVar[bool] = True
    conflicts: ClassVar[frozenset[str]] = frozenset({"loss.cross_entropy.label_smoothing"})

    share: float = Field(default=0.1, gt=0, lt=1)
    """How much of the target is spread: 0.1 is usual, much more leaves little to learn."""

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Smooth the shares (batch, classes)."""
        return inputs, target * (1 - self.share) + self.share / target.shape[1]
