"""The Lightning Trainer of a recipe."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import Strategy

from recipeline.catalog import direction
from recipeline.errors import EnvironmentFault, Problem
from recipeline.families.plugin import Plugin
from recipeline.recipe.model import Recipe, TrainingSettings
from recipeline.training.checkpoints import DurableCheckpointIO, best_checkpoint
from recipeline.training.guard import Guard
from recipeline.training.keeper import BetweenEpochs, Keeper
from recipeline.training.kept import CHECKPOINTS
from recipeline.training.observer import Observer
from recipeline.training.ranks import look_after
from recipeline.training.telling import Telling
from recipeline.training.watch import Watch


def make_trainer(
    recipe: Recipe,
    *,
    folder: Path,
    logger: Logger | None,
    observer: Observer,
    extra: Sequence[pl.Callback] = (),
) -> pl.Trainer:
    """The Trainer: devices and precision as the recipe says, our own logger, checkpoints and progress.

    Raises:
        EnvironmentFault: this machine has no such device, or the strategy does not suit it.
    """
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.ERROR)
    training = recipe.training
    _check_processes(training)
    monitor, mode = monitored(recipe)
    by_plugin = [(_named(r), callback) for r in recipe.regularization for callback in r.callbacks()]
    plugged = [callback for _, callback in by_plugin]
    io = DurableCheckpointIO()
    io.owners = _owners(recipe, [*by_plugin, *((f"the callback {type(each).__name__}", each) for each in extra)])
    keeper = Keeper(folder / CHECKPOINTS, training.checkpoint, io)
    callbacks: list[pl.Callback] = [
        keeper.between,
        Guard(training.on_nonfinite, observer.note),
        Watch(),
        *plugged,
        *extra,
        best_checkpoint(folder / CHECKPOINTS, monitor, mode),
        Telling(observer),
        keeper.within,
    ]
    settings: dict[str, Any] = {
        "max_epochs": training.epochs,
        "accelerator": training.accelerator,
        "devices": training.devices,
        "strategy": training.strategy,
        "precision": training.precision,
        "accumulate_grad_batches": training.accumulate,
        "deterministic": training.deterministic,
    }
    try:
        trainer = pl.Trainer(
            **settings,
            logger=logger if logger is not None else False,
            callbacks=callbacks,
            plugins=[io],
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, ValueError, RuntimeError, ImportError) as error:
        chosen = ", ".join(f"{key}: {settings[key]}" for key in ("accelerator", "devices", "strategy", "precision"))
        raise EnvironmentFault(
            Problem(
                f"Lightning can't train this way here: {str(error).strip().rstrip('.')}",
                path="training",
                found=chosen,
                suggestion="See what this machine has with: recipeline doctor",
            )
        ) from error
    look_after(trainer, folder)
    if trainer.precision != training.precision:  # Lightning takes another one with no more than a warning
        raise EnvironmentFault(
            Problem(
                "this device can't train in this precision",
                path="training.precision",
                found=training.precision,
                suggestion=f"Take {trainer.precision} or 32-true.",
            )
        )
    return trainer


def monitored(recipe: Recipe) -> tuple[str, str]:
    """The metric that chooses the best epoch, and whether `min` or `max` of it is best."""
    monitor = recipe.training.monitor or "val/loss"
    return monitor, direction(monitor) if recipe.training.mode == "auto" else recipe.training.mode


def checkpoints_of(trainer: pl.Trainer) -> ModelCheckpoint:
    """The trainer's callback that keeps the best epoch."""
    callback = trainer.checkpoint_callback
    assert isinstance(callback, ModelCheckpoint)
    return callback


def keeper_of(trainer: pl.Trainer) -> Keeper:
    """Who makes the checkpoints that the run can be resumed from."""
    return next(each.keeper for each in trainer.callbacks if isinstance(each, BetweenEpochs))  # type: ignore[attr-defined]  # set by the Trainer


def check_reading(trainer: pl.Trainer) -> None:
    """See that a checkpoint will be read by us.

    Raises:
        EnvironmentFault: the strategy reads checkpoints in a way of its own, which goes by pickle.
    """
    if type(trainer.strategy).load_checkpoint is not Strategy.load_checkpoint:
        raise EnvironmentFault(
            Problem(
                "a training by this strategy can't be resumed: it reads checkpoints in a way of its own, by pickle",
                path="training.strategy",
                found=type(trainer.strategy).__name__,
                suggestion="Train it anew, or by ddp from the start.",
            )
        )


def _owners(recipe: Recipe, callbacks: Sequence[tuple[str, pl.Callback]]) -> dict[tuple[str, ...], str]:
    """Whose state stands where in a checkpoint."""
    parts = {"state_dict": recipe.architecture, "optimizer_states": recipe.optimizer, "lr_schedulers": recipe.scheduler}
    found: dict[tuple[str, ...], str] = {(key,): _named(part) for key, part in parts.items() if part is not None}
    return found | {("callbacks", callback.state_key): whose for whose, callback in callbacks}


def _named(plugin: Plugin) -> str:
    return f"{plugin.family} '{plugin.plugin_name}'"


def _check_processes(training: TrainingSettings) -> None:
    """Each device of a CPU is a process of its own: a hundred of them would only bring the machine down."""
    count = training.devices if isinstance(training.devices, int) else 1
    on_cpu = training.accelerator == "cpu" or (training.accelerator == "auto" and not torch.accelerator.is_available())
    cores = os.cpu_count() or 1
    if on_cpu and count > cores:
        raise EnvironmentFault(
            Problem(
                f"on a CPU every device is a process, and this machine has {cores} cores",
                path="training.devices",
                found=str(count),
                suggestion=f"Take {cores} at most; 1 is fastest for small models.",
            )
        )
