"""A Lightning callback that logs so many metrics a second while a run trains, as a chatty user's would."""

from __future__ import annotations

from time import perf_counter

import pytorch_lightning as pl


class BusyLogging(pl.Callback):
    """At 0 a second it looks at the clock all the same, so that nothing but the logging makes the difference."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._began = 0.0
        self._logged = 0

    def on_train_start(self, trainer, pl_module):
        self._began = perf_counter()

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        due = int((perf_counter() - self._began) * self.per_second)
        if due > self._logged:
            names = range(self._logged, due)
            trainer.logger.log_metrics({f"busy/{name % 100}": float(name) for name in names})
            self._logged = due
