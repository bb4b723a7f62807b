"""What training makes small."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from recipeline.families.plugin import Plugin
from recipeline.families.spec import TargetSpec, Task

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
else:
    LossFunction = Callable


class Loss(Plugin, family="loss"):
    """A scalar that says how wrong the predictions of a batch are.

    Regression: prediction and target are float (batch, targets), normalized. Classes: logits (batch, classes)
    and indices int64 (batch,). Multilabel: logits and float 0/1, both (batch, labels). Sequence: logits (batch, steps,
    tokens) and codes int64 (batch, steps); those of padding and of unknown tokens don't count, and the mean is over
    the tokens that do.
    """

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset()
    """The tasks that it is made for."""
    soft_targets: ClassVar[bool] = False
    """Whether its function takes shares of the classes, float (batch, classes), as well as indices (batch,)."""
    raw_target: ClassVar[bool] = False
    """Whether it has to see the target in its own unit, as counts: the target is then not normalized."""

    @abstractmethod
    def build(self, target: TargetSpec) -> LossFunction:
        """A callable (prediction, target) -> scalar tensor. An `nn.Module` is moved and saved with the model."""

    def outputs(self, target: TargetSpec) -> int:
        """How many numbers the network gives for a row; usually one a class, a label or a target column.

        A loss that wants several for each target column (a mean and a variance) takes those of one column side by
        side, column by column.
        """
        return target.outputs

    def link(self, outputs: torch.Tensor, target: TargetSpec) -> torch.Tensor:
        """What the network's outputs (batch, outputs) of a regression say of the target: (batch, targets).

        In the unit in which the target is learnt. A loss that has the network give logarithms takes the exponential
        here. Classes and labels have the softmax and the sigmoid.
        """
        return outputs

    def unlearnable(self, values: np.ndarray, target: TargetSpec) -> np.ndarray | None:
        """Which values of a regression's target it can't learn from; bool of the values' shape, or None for none.

        Args:
            values: The target of a part, (rows, targets).
            target: What is to be predicted.
        """
        return None


@runtime_checkable
class Attached(Protocol):
    """A loss function that looks at the network's parameters as well."""

    def attach(self, network: nn.Module) -> None:
        """Note the network; called once, before training."""


@runtime_checkable
class Reported(Protocol):
    """A loss function whose value is no measure of the fit: what training logs is another."""

    def reported(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """What `train/loss` shows of a batch."""
