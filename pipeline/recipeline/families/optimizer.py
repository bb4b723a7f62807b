"""How a gradient becomes a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline.families.plugin import Plugin

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Optimizer(Plugin, family="optimizer"):
    """Builds the torch optimizer over the network's parameters."""

    lr: float = Field(default=0.001, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""

    needs_closure: ClassVar[bool] = False
    """Whether a step evaluates the loss several times, as L-BFGS does."""

    @abstractmethod
    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The optimizer over these parameters."""
