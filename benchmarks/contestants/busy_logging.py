"""A Lightning callback that logs so many metrics a second while a run trains, as a chatty user's would."""

from __future__ import annotations

from time import perf_counter

import pytorch_lightning as pl


class BusyLogging(pl.Callback):
    """Logs in every second block of epochs, the first one not.

    It looks at the clock in the others all the same, so that nothing but the logging makes the difference.
    """

    def __init__(self, per_second: float, block: int) -> None:
        self.per_second, self.block = per_second, block
        self._busy = False
        self._began = 0.0
        self._logged = 0

    def on_train_epoch_start(self, trainer, pl_module):
        busy = trainer.current_epoch // self.block % 2 == 1
        if busy != self._busy:
            self._busy, self._began, self._logged = busy, perf_counter(), 0

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        due = self._busy * int((perf_counter() - self._began) * self.per_second)
        if due > self._logged:
            names = range(self._logged, due)
            trainer.logger.log_metrics({f"busy/{name % 100}": float(name) for name in names})
            self._logged = due
