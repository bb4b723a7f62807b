"""Passes the trainer's events on to whoever watches the run."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytorch_lightning as pl

from recipeline.training.observer import Observer

STEP_INTERVAL_S = 0.1
"""Seconds between two reports of a step: a person sees no more, and a short step should not pay for it."""


class Telling(pl.Callback):
    """Passes the trainer's events on to an observer."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._told = 0.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin anew."""
        self._told = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say how long it may take."""
        self.observer.fit_started(trainer.max_epochs or 0, int(trainer.num_training_batches))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell of a step now and then."""
        now = monotonic()
        if now - self._told >= STEP_INTERVAL_S:
            self._told = now
            self.observer.step(trainer.current_epoch + 1, batch_idx + 1)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell of the epoch, after the module has logged its metrics."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.observer.epoch_finished(trainer.current_epoch + 1, metrics)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training is over."""
        self.observer.fit_finished()
