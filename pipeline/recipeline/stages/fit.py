"""Fit: train, and keep the best epoch."""

from __future__ import annotations

import os
from contextlib import nullcontext

from recipeline.stages.job import Job
from recipeline.training.compiled import told
from recipeline.training.trainer import checkpoints_of

FOLDER_VARIABLE = "RECIPELINE_RUN_FOLDER"
"""Tells the other processes of a distributed training which folder the run has."""


def run(job: Job) -> None:
    """Train, from the checkpoint on where there is one, then note which epoch was best."""
    assert job.trainer is not None
    assert job.module is not None
    # A strategy of several processes starts this command again; the copies find the folder and open no run.
    os.environ[FOLDER_VARIABLE] = str(job.folder)
    try:
        with told() if job.recipe.training.compile else nullcontext():
            job.trainer.fit(job.module, datamodule=job.datamodule, ckpt_path=job.checkpoint, weights_only=True)
    finally:
        os.environ.pop(FOLDER_VARIABLE, None)
    best = checkpoints_of(job.trainer)
    if best.best_model_path and best.best_model_score is not None:
        saved = job.trainer.strategy.checkpoint_io.load_checkpoint(best.best_model_path)
        job.metrics["best/epoch"] = float(saved["epoch"] + 1)
        job.metrics[f"best/{best.monitor}"] = float(best.best_model_score)
