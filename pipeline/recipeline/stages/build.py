"""Build: the network, the module around it, and the trainer."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from recipeline.errors import Problem, RecipeError
from recipeline.stages.job import Job
from recipeline.tracking.logger import RunLogger
from recipeline.training.module import TrainingModule
from recipeline.training.threads import parameters, threads_for
from recipeline.training.trainer import make_trainer


def run(job: Job) -> None:
    """Seed, build, choose the threads."""
    recipe, data = job.recipe, job.data
    pl.seed_everything(recipe.seed, workers=True, verbose=False)
    job.module = TrainingModule(recipe, data)
    job.module.configure_model()
    network = job.module.network
    _check_batch_norm(job, network)
    job.metrics["model/parameters"] = float(parameters(network))
    size = recipe.training.batch_size
    rows = len(data.parts["train"])
    chosen = recipe.training.threads
    torch.set_num_threads(threads_for(network, rows if size == "full" else size) if chosen == "auto" else chosen)
    if job.run is not None:
        job.run.set_tags({"recipeline.threads": str(torch.get_num_threads())})
    plugged = job.catalog.manager.hook.recipeline_callbacks(run=job.context)
    job.trainer = make_trainer(
        recipe,
        folder=job.folder,
        logger=RunLogger(job.run) if job.run is not None else None,
        observer=job.observer,
        extra=[callback for group in plugged for callback in group or ()],
    )


def _check_batch_norm(job: Job, network: torch.nn.Module) -> None:
    if job.recipe.training.batch_size == 1 and any(isinstance(m, _BatchNorm) for m in network.modules()):
        raise RecipeError(
            Problem(
                "batch normalization can't train on one example at a time: it needs a spread within the batch",
                path="training.batch_size",
                found="1",
                suggestion="Take a larger batch, or normalization: layer.",
            )
        )
