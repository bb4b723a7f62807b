"""How the learning rate changes while training goes on."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from recipeline.families.plugin import Plugin
from recipeline.families.spec import Length

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.lr_scheduler import LRScheduler


class Scheduler(Plugin, family="scheduler"):
    """Builds the torch scheduler. A warm-up may stand in front of any of them."""

    interval: ClassVar[Literal["epoch", "step"]] = "epoch"
    """When the scheduler moves, unless its settings say otherwise: after each epoch, or after each optimizer step."""

    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs (fractions too) over which the rate first rises linearly from 0 to `lr`; the schedule follows."""

    def moves(self) -> Literal["epoch", "step"]:
        """When the scheduler moves with these settings."""
        return self.interval

    def monitors(self) -> str | None:
        """The metric that the schedule watches, such as `val/loss`; None when it watches none."""
        return None

    @abstractmethod
    def build(self, optimizer: TorchOptimizer, length: Length) -> LRScheduler:
        """The scheduler for a training of this length, the warm-up already taken off."""
