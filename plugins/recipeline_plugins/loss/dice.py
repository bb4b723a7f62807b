"""The overlap between predicted and true members of a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class Dice(Loss, name="dice"):
    """Soft Dice: the overlap of predicted and true members of each class, so that rare classes count like others.

        p = softmax(logits), multilabel: sigmoid         q = 1 for the row's classes, 0 for others
        loss = 1 - mean over classes of  (2 sum p q + smooth) / (sum p + sum q + smooth)        sums over the batch

    A smooth form of 1 - F1, macro-averaged. The sums are the batch's: a batch should hold rows of every class, so
    take it large. Its gradient is weak far from the goal and its probabilities are too sure of themselves; where
    that matters take `cross_entropy` with class weights. Milletari, Navab & Ahmadi 2016, V-Net, have squares below
    the line; this is the form of Sudre et al. 2017, Generalised Dice Overlap, without class weights.
    """

    example = """
        loss: {type: dice, smooth: 1.0}
        training: {batch_size: 128}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    soft_targets: ClassVar[bool] = True
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "training.batch_size": "small ones: its sums want rows of every class",
        **dict.fromkeys(
            ("metric.brier", "metric.log_loss", "report.calibration"), "the probabilities are too sure of themselves"
        ),
    }

    smooth: PositiveFloat = 1.0
    """Added above and below the line: a class without rows in the batch then pulls its probabilities down gently.
    Larger is smoother, and counts classes with few rows less."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices or shares, or labels (batch, labels), to a scalar."""
        from recipeline_plugins.loss.share_functions import dice, shares_of

        def function(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
            probability = logits.softmax(dim=1) if target.is_classes else logits.sigmoid()
            return dice(probability, shares_of(truth, logits.shape[1], logits.dtype), self.smooth)

        return function
