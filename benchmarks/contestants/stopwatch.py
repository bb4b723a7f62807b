"""A Lightning callback that times the epochs of a run and leaves them in a file. It looks at no batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytorch_lightning as pl
from epoch_clock import EpochClock


class Stopwatch(pl.Callback):
    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.clock = EpochClock()
        self._open = False

    def on_train_epoch_start(self, trainer, pl_module):
        self._close()
        self.clock.start()
        self._open = True

    def on_validation_start(self, trainer, pl_module):
        self.clock.trained()

    def on_fit_end(self, trainer, pl_module):
        self._close()
        # Mini-batches, whether Lightning sees each of them or several at once.
        loader = trainer.train_dataloader
        steps = len(getattr(loader, "batches", loader))
        seen = {name.removeprefix("val/"): float(value) for name, value in trainer.callback_metrics.items()}
        found = {"epochs": len(self.clock.epochs), "steps": steps, **seen, **self.clock.per_step(steps)}
        found["each_us"] = self.clock.each(steps)
        self.file.write_text(json.dumps(found))

    def _close(self):
        # Here and not in on_train_epoch_end, after which the checkpoints are written.
        if self._open:
            self.clock.end()
        self._open = False
