"""The loss of support vector machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class Hinge(Loss, name="hinge"):
    """Hinge loss: a row counts until it is right by a margin, and not at all from there on.

        multilabel: z = logits                                       y = 1 or -1 for each label
        classes:    z = logits[y] - largest of the other logits      y = 1
        loss = mean max(0, margin - y z)           squared: its square

    With `linear` and `l2` it is a support vector machine; of several classes that of Crammer & Singer 2001, On the
    Algorithmic Implementation of Multiclass Kernel-Based Vector Machines. It asks for the right class and not for
    probabilities: those that are shown are a softmax of the margins, and `log_loss` and `brier` say little about
    them. Cortes & Vapnik 1995, Support-Vector Networks.
    """

    example = """
        architecture: linear
        loss: {type: hinge, squared: true}
        regularization:
          - {type: l2, weight: 1e-3}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "multilabel"}
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("metric.brier", "metric.log_loss", "report.calibration"),
        "the probabilities are a softmax of margins, and say little",
    )

    margin: PositiveFloat = 1.0
    """By how much a row has to be right before it ceases to count."""
    squared: bool = False
    """Square it: smooth where the margin is reached, and harder on what is far off."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices, or labels (batch, labels), to a scalar."""
        from recipeline_plugins.loss.margin_functions import class_lead, label_lead

        lead = class_lead if target.is_classes else label_lead

        def function(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
            lacking = (self.margin - lead(logits, truth)).relu()
            return (lacking.square() if self.squared else lacking).mean()

        return function
