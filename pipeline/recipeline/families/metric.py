"""What is measured, in words that people compare."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from recipeline.families.plugin import Plugin
from recipeline.families.spec import TargetSpec, Task

if TYPE_CHECKING:
    import torch
    from torchmetrics import Metric as TorchMetric


class Metric(Plugin, family="metric"):
    """Builds a torchmetrics metric.

    Its `update(prediction, target)` gets, by task: regression (batch, targets) in the original unit, twice;
    binary probabilities of the second class (batch,) and indices (batch,); multiclass probabilities
    (batch, classes) and indices (batch,); multilabel probabilities and 0/1, both (batch, labels); sequence codes int64
    (batch, steps) twice, not equally wide, where a row ends before its first `PADDING` or `END`.
    """

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset()
    """The tasks that it is made for."""
    higher_is_better: ClassVar[bool] = True
    """Whether more is better."""

    @abstractmethod
    def build(self, target: TargetSpec) -> TorchMetric:
        """The metric, computing one scalar."""


@runtime_checkable
class ComparesWithTrain(Protocol):
    """A built metric that measures against what the train part shows, as an error against a naive forecast's."""

    def learn(self, truth: torch.Tensor, series: torch.Tensor | None = None) -> None:
        """The train part's true values in the form that `update` gets them, in the source's order; called once, before.

        Args:
            truth: The values, (rows, ...).
            series: Given where the source holds several series: int64 (rows,), the number of each row's one.

        Raises:
            DataError: nothing can be compared with them.
        """
