"""What training makes small."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from recipeline.families.plugin import Plugin
from recipeline.families.spec import TargetSpec, Task

if TYPE_CHECKING:
    import torch

    LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
else:
    LossFunction = Callable


class Loss(Plugin, family="loss"):
    """A scalar that says how wrong the predictions of a batch are.

    Regression: prediction and target are float (batch, targets), normalized. Classes: logits (batch, classes)
    and indices int64 (batch,). Multilabel: logits and float 0/1, both (batch, labels).
    """

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset()
    """The tasks that it is made for."""

    @abstractmethod
    def build(self, target: TargetSpec) -> LossFunction:
        """A callable (prediction, target) -> scalar tensor. An `nn.Module` is moved and saved with the model."""
