"""Lightning's logger: hands the trainer's metrics to the tracked run, on one step axis of epochs counted from 1."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from recipeline.tracking.run import TrackedRun


class RunLogger(Logger):
    """Forwards metrics to a `TrackedRun`. Does nothing on other ranks, where there is no run."""

    def __init__(self, run: TrackedRun | None) -> None:
        super().__init__()
        self._run = run
        self._epoch = 1

    @property
    def name(self) -> str | None:
        """The experiment's name."""
        return self._run.experiment if self._run is not None else None

    @property
    def version(self) -> str | None:
        """The run's id."""
        return self._run.run_id if self._run is not None else None

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the metrics at their epoch.

        Lightning adds the epoch, from 0, to what a module logs. What a callback logs without one belongs to the
        epoch seen last: a second axis of steps would make curves that can't be compared.
        """
        if self._run is None:
            return
        if "epoch" in metrics:
            self._epoch = int(metrics["epoch"]) + 1
        self._run.log_soon({key: float(v) for key, v in metrics.items() if key != "epoch"}, self._epoch)

    @rank_zero_only
    def save(self) -> None:
        """Have all that was logged written: Lightning asks for it after what the module logs, we at each checkpoint."""
        if self._run is not None:
            self._run.catch_up()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the recipe is what is logged as params."""
