"""The checkpoints that a run can be resumed from: when one is due, what it holds, and which are kept.

A checkpoint is made between two epochs, when everything that belongs to the one before has happened (schedules moved,
metrics logged, best epoch chosen), or after a batch in the middle of one. Lightning saves weights, optimizer,
schedules, the callbacks' state and its own counters; what it leaves out is added here: every generator, the sums of
an epoch under way, plugins' own included, and gradients that wait for others to be added. The metrics logged so far are
in the run's journal.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch

from recipeline.recipe.model import CheckpointSettings
from recipeline.signals import Deferral
from recipeline.storage.temporary import clear_stale, discard
from recipeline.training.checkpoints import OURS, DurableCheckpointIO
from recipeline.training.generators import generator_states, restore_generators
from recipeline.training.kept import BEST, SUFFIX
from recipeline.training.running import go_on_with, running

SHARE = 0.05
"""Of the training's time that checkpoints may take, where the recipe leaves it open."""


@runtime_checkable
class HasProgress(Protocol):
    """A module that can go on in the middle of an epoch."""

    def progress(self) -> dict[str, Any]:
        """What the epoch under way has come to on this process: tensors and plain values."""

    def go_on_from(self, progress: dict[str, Any]) -> None:
        """Take up such a state."""


class Keeper:
    """Makes a run's checkpoints, numbered from 1, and removes those that are no longer needed.

    Args:
        folder: Where they lie.
        when: How often.
        io: Who writes them; told which best epochs they depend on.
    """

    def __init__(self, folder: Path, when: CheckpointSettings, io: DurableCheckpointIO) -> None:
        self.folder = folder
        self.when = when
        self.io = io
        self.between = BetweenEpochs(self)
        self.within = WithinEpochs(self)
        self.loaded: dict[str, Any] | None = None
        """What was restored, until the training goes on from it."""
        self.restored = False
        """Whether the training has taken up all that was loaded."""
        self.begins_again = False
        """Whether the epoch that begins is the one in front of which the restored checkpoint was made."""
        self.signal = Deferral()
        """A signal that waits for a checkpoint to be made."""
        self._best: dict[int, str | None] = {}
        self._saved_at = monotonic()
        self._saved_step = 0
        self._cost_s = 0.0
        self._now: dict[str, Any] = {}

    def know(self, kept: dict[int, str | None]) -> None:
        """Learn of the checkpoints that are there, by number, with the best epoch's that each depends on."""
        self._best = dict(kept)
        self._pin()

    def due_between(self, trainer: pl.Trainer, epochs: int) -> bool:
        """Whether one is due after so many epochs."""
        passed = monotonic() - self._saved_at
        every = self.when.epochs
        seldom = every == "auto" and passed * SHARE >= self._cost_s
        due = seldom or (isinstance(every, int) and epochs % every == 0)
        due = due or (self.when.minutes is not None and passed >= 60 * self.when.minutes)
        due = due or (self.when.steps is not None and trainer.global_step - self._saved_step >= self.when.steps)
        return self._agreed(trainer, due)

    def due_within(self, trainer: pl.Trainer) -> bool:
        """Whether one is due after this batch."""
        if self.when.steps is None and self.when.minutes is None:
            return False
        due = self.when.steps is not None and trainer.global_step - self._saved_step >= self.when.steps
        if self.when.minutes is not None:
            due = self._agreed(trainer, due or monotonic() - self._saved_at >= 60 * self.when.minutes)
        return due

    def save(self, trainer: pl.Trainer, *, between: bool, trained: bool = False) -> None:
        """Make one now."""
        began = monotonic()
        number = max(self._best, default=0) + 1
        best = trainer.checkpoint_callback
        path = getattr(best, "best_model_path", "")
        name = Path(path).name if path else None
        self._now = {"between": between, "told": {"best": name, "trained": trained}}
        try:
            trainer.save_checkpoint(self.folder / f"{number:06d}{SUFFIX}", weights_only=False)
        finally:
            self._now = {}
        self._best[number] = name
        self._saved_step = trainer.global_step
        if trainer.is_global_zero:
            self._collect(name)
        self._saved_at = monotonic()
        self._cost_s = self._saved_at - began

    def _collect(self, current: str | None) -> None:
        """Remove what is older than the kept ones, and best epochs that no kept one depends on."""
        for number in sorted(self._best)[: -self.when.keep]:
            discard(self.folder / f"{number:06d}{SUFFIX}")
            del self._best[number]
        self._pin()
        for path in self.folder.glob(f"{BEST}*{SUFFIX}"):
            if path.name not in self.io.pinned and path.name != current:
                discard(path)

    def _pin(self) -> None:
        self.io.pinned = {name for name in self._best.values() if name is not None}

    @staticmethod
    def _agreed(trainer: pl.Trainer, due: bool) -> bool:
        """The first process's word: clocks differ, and all have to save together."""
        return bool(trainer.strategy.broadcast(due)) if trainer.world_size > 1 else due

    def add(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put into a checkpoint what Lightning leaves out."""
        if not self._now:  # the best epoch's: nobody goes on from it
            return
        for logger in trainer.loggers:
            logger.save()  # whoever goes on from here won't log again what was logged before
        mine: dict[str, Any] = {"generators": generator_states()}
        if not self._now["between"]:
            mine["logged"] = running(trainer)
            if isinstance(module, HasProgress):
                mine["progress"] = module.progress()
        checkpoint[OURS] = {**self._now, "processes": _gathered(trainer, mine)}
        if self._now["between"] and not self._now["told"]["trained"]:
            # The epoch that is about to begin counts as one that has not: it will begin again.
            for counters in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
                counters["ready"] = counters["completed"]

    def take(self, trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
        """Remember what a checkpoint holds until training starts."""
        self.loaded = checkpoint.get(OURS)
        for state in checkpoint.get("callbacks", {}).values():
            if isinstance(state, dict) and "best_model_path" in state:
                self._here(state)
        if self.loaded is not None and self.loaded["told"]["trained"]:
            trainer.should_stop = True

    def _here(self, state: dict[str, Any]) -> None:
        """Let the choice of the best epoch look into this folder: the run may have been moved."""

        def here(path: str) -> str:
            return str(self.folder / Path(path).name) if path else path

        state["dirpath"] = str(self.folder)
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = here(state[key])
        state["best_k_models"] = {here(path): score for path, score in state["best_k_models"].items()}

    def restore(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The last thing before training goes on: nothing may draw a random number in between."""
        if self.loaded is None:
            self.restored = True
            return
        mine = self.loaded["processes"][trainer.global_rank]
        self.begins_again = bool(self.loaded["between"])
        self.loaded = None
        if "progress" in mine and isinstance(module, HasProgress):
            module.go_on_from(mine["progress"])
        go_on_with(trainer, mine.get("logged", []))
        restore_generators(mine["generators"])
        self._saved_step = trainer.global_step
        self._saved_at = monotonic()
        self.restored = True


def _gathered(trainer: pl.Trainer, mine: dict[str, Any]) -> list[dict[str, Any]]:
    """What every process has to add, in their order."""
    if trainer.world_size == 1:
        return [mine]
    everyones: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(everyones, mine)
    return everyones


class BetweenEpochs(pl.Callback):
    """The first of all callbacks: nothing of the coming epoch has happened yet."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clear away what a killed process left half written."""
        if trainer.is_global_zero:
            clear_stale(self.keeper.folder)
        self.keeper.signal.hold()  # Lightning would stop after the epoch, with an exception of its own

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what the epochs before have come to, when that is due."""
        keeper = self.keeper
        again, keeper.begins_again = keeper.begins_again, False
        due = keeper.signal.number is not None or keeper.due_between(trainer, trainer.current_epoch)
        if due and trainer.current_epoch > 0 and not again:
            keeper.save(trainer, between=True)
        keeper.signal.raise_now()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the training."""
        self.keeper.save(trainer, between=True, trained=True)


class WithinEpochs(pl.Callback):
    """The last of all callbacks: everything that belongs to the batch has happened."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on where the restored checkpoint was made."""
        self.keeper.restore(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save in the middle of the epoch, when that is due."""
        if trainer.is_last_batch:  # the epoch's end is near
            return
        if self.keeper.signal.number is not None or self.keeper.due_within(trainer):
            self.keeper.save(trainer, between=False)
        self.keeper.signal.raise_now()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning leaves out."""
        self.keeper.add(trainer, pl_module, checkpoint)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take what Lightning leaves out."""
        self.keeper.take(trainer, checkpoint)
