"""The loss that a task usually has, for those that are made around another one."""

from __future__ import annotations

from recipeline import Loss, TargetSpec
from recipeline_plugins.loss.binary_cross_entropy import BinaryCrossEntropy
from recipeline_plugins.loss.cross_entropy import CrossEntropy
from recipeline_plugins.loss.mse import MeanSquaredError


def usual(target: TargetSpec) -> Loss:
    """`cross_entropy` for classes and sequences, `binary_cross_entropy` for labels, `mse` for numbers."""
    if target.is_classes or target.task == "sequence":
        return CrossEntropy()
    return BinaryCrossEntropy() if target.task == "multilabel" else MeanSquaredError()
