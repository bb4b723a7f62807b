"""The hinge loss against every wrong class."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class MultiMargin(Loss, name="multi_margin"):
    """Hinge loss of several classes: every wrong class has to be behind the right one by a margin.

        loss = mean over rows of  1/k · sum over c ≠ y of max(0, margin - logits[y] + logits[c])^power

    k classes. `hinge` looks at the worst of the wrong classes only; this one pushes all of them. What is said there
    of probabilities holds here too. Weston & Watkins 1999, Support Vector Machines for Multi-Class Pattern
    Recognition.
    """

    example = "loss: {type: multi_margin, margin: 1.0, power: 2}"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("metric.brier", "metric.log_loss", "report.calibration"),
        "the probabilities are a softmax of margins, and say little",
    )

    margin: PositiveFloat = 1.0
    """By how much the right class has to lead before a wrong one ceases to count."""
    power: Literal[1, 2] = 1
    """2 squares each term: smooth where the margin is reached, and harder on what is far off."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices (batch,) to a scalar."""
        from recipeline_plugins.loss.margin_functions import multi_margin

        return partial(multi_margin, margin=self.margin, power=self.power)
