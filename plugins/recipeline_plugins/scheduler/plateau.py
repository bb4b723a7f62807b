"""A learning rate that falls when a metric stops improving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from recipeline import Length, Scheduler, direction

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


class Plateau(Scheduler, name="plateau"):
    """The learning rate falls when a watched metric has not improved for some epochs.

        better = less than the best so far by more than min_delta        (mode max: more)
        more than `patience` epochs in a row without better:  lr = max(lr · factor, min_lr), and count anew

    It needs no guess of how long the training takes. Smaller patience than that of `early_stopping`, or the training
    ends before the rate falls.

    He et al. 2016, Deep Residual Learning for Image Recognition, who divided by 10 when the error came to rest.
    """

    example = """
        scheduler: {type: plateau, factor: 0.3, patience: 3}
        regularization:
          - {type: early_stopping, patience: 10}
    """

    requires: ClassVar[frozenset[str]] = frozenset({"validation"})
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "regularization.early_stopping": "unless its patience is the larger one, training ends before the rate falls",
    }

    monitor: str = Field(default="val/loss", min_length=1)
    """The metric to watch: `val/loss`, or `val/` and a metric of the recipe."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    """Share that is left after each fall."""
    patience: NonNegativeInt = 5
    """Epochs in a row without improvement that are still waited for; the next one makes the rate fall."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether less or more is better; auto knows it of losses and of installed metrics."""
    min_delta: NonNegativeFloat = 0.0
    """What a change must exceed to count as an improvement, in the metric's unit."""
    min_lr: NonNegativeFloat = 0.0
    """The rate never falls below this."""

    def monitors(self) -> str | None:
        """The watched metric."""
        return self.monitor

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by epoch; its `step` takes the metric's value."""
        from torch.optim.lr_scheduler import ReduceLROnPlateau

        return ReduceLROnPlateau(
            optimizer,
            mode=direction(self.monitor) if self.mode == "auto" else self.mode,
            factor=self.factor,
            patience=self.patience,
            threshold=self.min_delta,
            threshold_mode="abs",
            min_lr=self.min_lr,
            # torch leaves a rate alone that would change by less than this: 0 keeps to the formula.
            eps=0.0,
        )
