"""The focal loss, which looks at the hard rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from recipeline import Loss, LossFunction, Problem, RecipeError, TargetSpec
from recipeline_plugins.loss.class_weights import ClassWeights, refuse_unread_beta, weights_for

if TYPE_CHECKING:
    from recipeline import Task


class Focal(Loss, name="focal"):
    """Cross entropy in which rows that are right already hardly count: for classes of very unequal size.

        p = softmax(logits), multilabel: sigmoid
        loss = sum over rows w[y] (1 - p[y])^gamma (-log p[y]) / sum over rows w[y]        y: the row's class

    `gamma` 0 is `cross_entropy`. The paper weighs the rare class by alpha and the other by 1 - alpha: that is
    `class_weights`. It divides by the number of objects found in an image, which a table doesn't have. The
    probabilities come out too cautious. Shares q of the classes count by sum q[c] w[c] (1 - p[c])^gamma (-log p[c]).
    Lin et al. 2017, Focal Loss for Dense Object Detection; effective numbers: Cui et al. 2019, Class-Balanced Loss.
    """

    example = "loss: {type: focal, gamma: 2.0, class_weights: effective_number}"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    soft_targets: ClassVar[bool] = True
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("metric.brier", "metric.log_loss", "report.calibration"), "the probabilities are too cautious"
    )

    gamma: float = Field(default=2.0, ge=0)
    """How fast a row ceases to count as it becomes right: 0 not at all, 2 gives a row of p 0.9 a hundredth."""
    class_weights: ClassWeights | None = None
    """How much each class counts: `balanced` for n / (k count), `effective_number` for the gentler
    (1 - beta) / (1 - beta ** count), scaled to a sum of k; a mapping from class to weight (1 where a class isn't
    named), or a list in the order of the sorted classes; null counts all the same. Not for labels."""
    beta: float | None = Field(default=None, ge=0, lt=1)
    """Of `effective_number`: 0 counts all classes the same, near 1 as `balanced` does; null takes 0.999."""

    @model_validator(mode="after")
    def _beta_is_read(self) -> Self:
        refuse_unread_beta(self.class_weights, self.beta)
        return self

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices or shares, or labels (batch, labels), to a scalar."""
        from recipeline_plugins.loss.focal_function import FocalClasses, FocalLabels

        if target.is_classes:
            return FocalClasses(self.gamma, weights_for(self.class_weights, self.beta, target))
        if self.class_weights is not None:
            raise RecipeError(
                Problem(
                    "labels that may all be right at once have no class weights",
                    path="loss.class_weights",
                    suggestion="Remove it, or take binary_cross_entropy with pos_weight.",
                )
            )
        return FocalLabels(self.gamma)
