"""Build: the network, the module around it, and the trainer."""

from __future__ import annotations

import os
from contextlib import suppress

import pytorch_lightning as pl
import torch
from pytorch_lightning.accelerators import CPUAccelerator
from torch.nn.modules.batchnorm import _BatchNorm

from recipeline.data.ahead import automatic, warm_up
from recipeline.data.windows import Windows, windows_for
from recipeline.errors import DataError, Problem, RecipeError
from recipeline.families.loss import Loss
from recipeline.families.plugin import with_nested
from recipeline.serving import fresh
from recipeline.stages.job import Job
from recipeline.tracking import record
from recipeline.tracking.logger import RunLogger
from recipeline.training.batch_size import found_batch_size, with_batch_size
from recipeline.training.compiled import compile_network
from recipeline.training.memory import all_bytes
from recipeline.training.module import TrainingModule
from recipeline.training.several import AT_ONCE, why_single
from recipeline.training.threads import parameters, threads_for
from recipeline.training.trainer import make_trainer


def run(job: Job) -> None:
    """Find the batch size where it is left open, seed, build, choose the threads."""
    _check_target(job)
    _find_batch_size(job)
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
    if job.memo is not None and job.memo.threads is not None:  # another number would add up in another order
        chosen = job.memo.threads
    size = size if isinstance(size, int) else rows
    torch.set_num_threads(threads_for(network, data.inputs, size, data.target) if chosen == "auto" else chosen)
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
    _choose_steps(job)
    _choose_windows(job)
    _choose_workers(job)
    if recipe.training.compile:
        compile_network(network, on_cpu=isinstance(job.trainer.accelerator, CPUAccelerator))
    # Large data have been read by now; those that memory can't hold leave it none before they have been trained on.
    if job.run is not None and job.fresh is None and job.datamodule is not None and job.datamodule.windows is None:
        job.fresh = fresh.FreshInterpreter()


def _find_batch_size(job: Job) -> None:
    """From here on the recipe has the number that `auto` comes to."""
    if job.recipe.training.batch_size != "auto":
        return
    assert job.datamodule is not None
    if job.memo is not None and job.memo.batch_size is not None:  # as much memory as then need not be free now
        job.recipe = job.context.recipe = job.datamodule.recipe = with_batch_size(job.recipe, job.memo.batch_size)
        return
    found = found_batch_size(job.recipe, job.data)
    job.recipe = job.context.recipe = job.datamodule.recipe = with_batch_size(job.recipe, found.size)
    if job.memo is not None:
        job.memo.batch_size = found.size
    job.note(f"training.batch_size is {found.size}: {found.because}.")
    if job.run is not None:
        job.run.set_tags({"recipeline.batch_size": str(found)})
        record.log_batch_size(job.run, job.recipe)


def _choose_windows(job: Job) -> None:
    """Shuffle the train rows window by window where they are more than memory can hold."""
    assert job.datamodule is not None
    if job.memo is not None and job.memo.windows is not None:  # the order stays, whatever memory there is now
        job.datamodule.windows = Windows(*job.memo.windows) if job.memo.windows else None
        return
    found = windows_for(job.data.parts["train"], all_bytes())
    job.datamodule.windows = found
    if job.memo is not None:
        job.memo.windows = [found.block, found.window] if found is not None else []
    if found is not None:
        job.note(
            f"The train rows are more than half of the memory. They are shuffled among {found.rows:,} at a time, which "
            f"are blocks of {found.block:,} from all over the file."
        )


def _choose_workers(job: Job) -> None:
    """Processes that cut batches, where the recipe asks for them or the rows come from disk; said in the run's tags.

    No number depends on them, so that a run that goes on may have others.
    """
    assert job.datamodule is not None
    asked = job.recipe.training.workers
    if asked != "auto":
        count, said = asked, str(asked)
    elif windows_for(job.data.parts["train"], all_bytes()) is None:
        count, said = 0, "0 (the train rows are in memory)"
    else:
        cores = os.cpu_count() or 1
        count = automatic(cores)
        said = f"{count} (the train rows are more than half of the memory, and there are {cores} cores)"
        job.note(f"training.workers is {said}.")
    job.datamodule.workers = count
    job.datamodule.tell = job.note
    if count:
        with suppress(OSError):  # said where they are started
            warm_up()
    if job.run is not None:
        job.run.set_tags({"recipeline.workers": said})


def _choose_steps(job: Job) -> None:
    """Several mini-batches a step where nothing needs them one by one; said in the run's tags."""
    assert job.trainer is not None
    assert job.module is not None
    assert job.datamodule is not None
    reason = why_single(job.recipe, job.trainer)
    asked = job.recipe.training.steps_per_call
    at_once = 1 if reason else AT_ONCE if asked == "auto" else asked
    steps = job.recipe.training.checkpoint.steps
    if steps is not None:  # a checkpoint is made between two calls
        at_once = min(at_once, steps * job.recipe.training.accumulate)
    if at_once > 1:
        # The module steps and accumulates by itself then, which is what Lightning calls manual optimization.
        job.module.automatic_optimization = False
        job.trainer.accumulate_grad_batches = 1
    job.datamodule.steps_per_call = at_once
    if job.run is not None:
        said = f"{at_once} (one, because {reason})" if reason else str(at_once)
        job.run.set_tags({"recipeline.steps_per_call": said})


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


def _check_target(job: Job) -> None:
    """Every value of the target is one that the loss can learn from."""
    assert job.recipe.loss is not None
    target = job.data.target
    for loss in with_nested(job.recipe.loss):
        for part, arrays in job.data.parts.items():
            wrong = loss.unlearnable(arrays.target, target) if isinstance(loss, Loss) else None
            if wrong is None or not wrong.any():
                continue
            row, column = (int(place[0]) for place in wrong.nonzero())
            raise DataError(
                Problem(
                    f"the loss '{loss.plugin_name}' can't learn from this value of the {part} part",
                    file=job.data.pipeline.location,
                    row=int(arrays.rows[row]) + 1,
                    field=target.columns[column],
                    found=f"{arrays.target[row, column]:g}",
                    suggestion="Take another loss, or leave such rows out.",
                )
            )
