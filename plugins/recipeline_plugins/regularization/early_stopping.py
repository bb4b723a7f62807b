"""Stopping when the validation part stops improving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeFloat

from recipeline import Regularization, direction

if TYPE_CHECKING:
    from pytorch_lightning import Callback


class EarlyStopping(Regularization, name="early_stopping"):
    """Ends the training when a watched metric has not improved for some epochs.

        better = less than the best so far by more than min_delta      (mode max: more)
        stop after `patience` epochs in a row without better

    The run's model is that of the best epoch, not of the last. Too little patience ends in the middle of a plateau.
    Prechelt 1998, Early Stopping - But When?
    """

    example = """
        regularization:
          - {type: early_stopping, monitor: val/loss, patience: 10}
        training: {epochs: 200}
    """

    requires: ClassVar[frozenset[str]] = frozenset({"validation"})
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("scheduler.cosine", "scheduler.linear", "scheduler.polynomial", "scheduler.one_cycle"),
        "the schedule is planned for all of training.epochs: what ends early never has the small rates",
    )

    monitor: str = Field(default="val/loss", min_length=1)
    """The metric to watch: `val/loss`, or `val/` and a metric of the recipe."""
    patience: int = Field(default=5, ge=1)
    """Epochs in a row without improvement after which training ends."""
    min_delta: NonNegativeFloat = 0.0
    """What a change must exceed to count as an improvement, in the metric's unit."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether less or more is better; auto knows it of losses and of installed metrics."""

    def monitors(self) -> str | None:
        """The watched metric."""
        return self.monitor

    def callbacks(self) -> list[Callback]:
        """Lightning's EarlyStopping, which stops at a missing or non-finite metric too."""
        from pytorch_lightning.callbacks import EarlyStopping as Stopper

        return [
            Stopper(
                monitor=self.monitor,
                patience=self.patience,
                min_delta=self.min_delta,
                mode=direction(self.monitor) if self.mode == "auto" else self.mode,
                strict=True,
                check_finite=True,
                verbose=False,
            )
        ]
