"""Fit: train, and keep the best epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from recipeline.collector import left_alone
from recipeline.errors import EnvironmentFault, Problem
from recipeline.signals import deferring
from recipeline.stages.job import Job
from recipeline.tracking import record
from recipeline.training.allocator import keeping_memory
from recipeline.training.compiled import told
from recipeline.training.fingerprint import machine
from recipeline.training.ranks import launcher_of
from recipeline.training.trainer import check_reading, checkpoints_of, keeper_of

_ODD = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)
"""What a state that is not that of this training can raise while it is taken up."""

FOLDER_VARIABLE = "RECIPELINE_RUN_FOLDER"
"""Tells the other processes of a distributed training which folder the run has."""
CHECKPOINT_VARIABLE = "RECIPELINE_CHECKPOINT"
"""Tells them where a resumed training goes on."""

STARTER_VARIABLE = "RECIPELINE_STARTED_BY"
"""Tells them which process has started them: they end with it."""


def run(job: Job) -> None:
    """Train, from the checkpoint on where there is one, then note which epoch was best."""
    assert job.trainer is not None
    assert job.module is not None
    # A strategy of several processes starts this command again; the copies find the folder and open no run.
    os.environ[FOLDER_VARIABLE] = str(job.folder)
    os.environ[STARTER_VARIABLE] = str(os.getpid())
    if job.checkpoint is not None:
        os.environ[CHECKPOINT_VARIABLE] = str(job.checkpoint)
    _note_what_it_depends_on(job)
    keeper = keeper_of(job.trainer)
    keeper.know(job.kept)
    if job.run is not None:
        job.run.shared_by(job.trainer.world_size)
    if job.checkpoint is not None:
        check_reading(job.trainer)
    try:
        with (
            told() if job.recipe.training.compile else nullcontext(),
            together(job),
            _signals(job),
            left_alone(),
            keeping_memory(),
        ):
            job.trainer.fit(job.module, datamodule=job.datamodule, ckpt_path=job.checkpoint, weights_only=True)
    except _ODD as error:
        if job.checkpoint is None or keeper.restored:
            raise
        raise EnvironmentFault(
            Problem(
                "the training can't go on from this checkpoint: it is whole, and made for another one",
                file=str(job.checkpoint),
                found=" ".join(f"{type(error).__name__}: {error}".split())[:200],
                suggestion="Remove that folder to go on from the one before it.",
            )
        ) from error
    finally:
        for name in (FOLDER_VARIABLE, CHECKPOINT_VARIABLE, STARTER_VARIABLE):
            os.environ.pop(name, None)
    best = checkpoints_of(job.trainer)
    if best.best_model_path and best.best_model_score is not None:
        saved = job.trainer.strategy.checkpoint_io.load_checkpoint(best.best_model_path)
        job.metrics["best/epoch"] = float(saved["epoch"] + 1)
        job.metrics[f"best/{best.monitor}"] = float(best.best_model_score)


def together(job: Job) -> AbstractContextManager[None]:
    """A block in which the processes of the training need each other: an error says which of them was lost."""
    assert job.trainer is not None
    launcher = launcher_of(job.trainer)
    if launcher is None or job.run is None:
        return nullcontext()
    launcher.abandon = job.abandon
    return launcher.together()


@contextmanager
def _signals(job: Job) -> Iterator[None]:
    """Let a signal wait for the checkpoint after the step under way; not where other processes wait for this one."""
    assert job.trainer is not None
    if job.trainer.world_size > 1:
        yield
        return
    with deferring() as signal:
        keeper_of(job.trainer).signal = signal
        yield


def _note_what_it_depends_on(job: Job) -> None:
    """Complete what the run keeps to be resumed: the data and the machine are known by now."""
    if job.memo is None or "machine" in job.memo.fingerprint:
        return
    assert job.datamodule is not None
    table = job.datamodule.table
    job.memo.threads = torch.get_num_threads()
    job.memo.fingerprint |= {"data": {table.location: table.fingerprint}, "machine": machine(job.recipe)}
    job.memo.write(job.folder)
    if job.run is not None:
        record.log_environment(job.run, job.memo.environment())
