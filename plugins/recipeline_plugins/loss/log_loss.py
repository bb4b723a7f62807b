"""The negative log-likelihood of the predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class LogLoss(Loss, name="log_loss"):
    """Negative log-likelihood: how improbable the model found the truth; the same for two classes, more, or labels.

        classes:    p = softmax(logits)      loss = mean over rows -log p[y]
        multilabel: p = sigmoid(logits)      loss = mean over rows and labels -log p[y] for y = 0 and 1

    Computed from the logits, so that a probability of almost 0 neither overflows nor has to be cut off. It has no
    settings: `cross_entropy` and `binary_cross_entropy` are this with weights. The metric of this name measures the
    same on probabilities. Good 1952, Rational Decisions.
    """

    example = "loss: log_loss"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    soft_targets: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices or shares, or labels (batch, labels), to a scalar."""
        from torch import nn

        return nn.CrossEntropyLoss() if target.is_classes else nn.BCEWithLogitsLoss()
