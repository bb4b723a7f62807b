"""From a recipe to a tracked run: the list of what happens."""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import shutil
import signal
import sys
import uuid
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from recipeline.catalog import Catalog, installed
from recipeline.collector import collect_again
from recipeline.errors import EnvironmentFault, Interrupted, Problem, RecipelineError
from recipeline.hooks import RunContext
from recipeline.recipe.model import Recipe
from recipeline.signals import SIGUSR1, die_with_parent, interruptions
from recipeline.slurm import requeue
from recipeline.stages.job import Job
from recipeline.training.memo import new_memo

if TYPE_CHECKING:
    from recipeline.tracking.run import TrackedRun
    from recipeline.training.observer import Observer

STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate", "report", "package")
"""Each is a module of `recipeline.stages` with a function `run(job)`."""

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has come to."""

    run_id: str
    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    """`test/*`, `best/*` and the other numbers that a run has once."""
    model_uri: str | None = None
    tracking_uri: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a machine to read."""
        return asdict(self)


def work_folder() -> Path:
    """Where this project keeps cache and runs under way: `.recipeline` in the working folder, out of git's sight."""
    folder = Path(os.environ.get("RECIPELINE_HOME", ".recipeline")).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise EnvironmentFault(
            Problem(
                f"the folder for the cache and for runs under way can't be written: {error.strerror}",
                found=str(folder),
                suggestion="Make it writable, or name another in RECIPELINE_HOME.",
            )
        ) from error
    return folder


def run(recipe: Recipe, *, observer: Observer | None = None, command: str | None = None) -> RunResult:
    """Train, evaluate and log what a recipe says.

    Args:
        recipe: From `load_recipe`.
        observer: Hears of stages, epochs and notes while it goes on.
        command: The command line to note in the run; by default this process's own.

    Returns:
        The finished run's id, numbers and model.

    Raises:
        RecipelineError: the run failed; what was logged up to then is in MLflow, with the error in its tags.
    """
    from recipeline.training.observer import Observer

    started = perf_counter()
    watching = observer or Observer()
    catalog = installed()
    home = work_folder()
    if is_other_rank():
        return follow(recipe, catalog, home, watching)
    from recipeline.serving.fresh import at_the_start
    from recipeline.tracking.store import prepare_environment

    with interruptions():
        called = command or called_by()
        prepare_environment()
        # It has seconds of imports to do, as this process has from here on, which leaves it a core.
        fresh = at_the_start(recipe.data.source.location())
        try:
            from recipeline.tracking.record import open_run

            tracked = open_run(recipe, catalog, called, home / "runs")
        except BaseException:
            if fresh is not None:
                fresh.close()
            raise
        context = RunContext(recipe, tracked.folder, tracked.run_id)
        job = Job(recipe, catalog, tracked.folder, home / "cache", watching, context, run=tracked, fresh=fresh)
        job.memo = new_memo(recipe, catalog, called)
        return complete(job, started)


def complete(job: Job, started: float) -> RunResult:
    """Go through the stages of a run that is open, and close it with the right status."""
    from recipeline.training.surroundings import as_it_was

    assert job.run is not None
    job.abandon = partial(_abandon, job)
    status: Status = "FAILED"
    error: BaseException | None = None
    if job.run.unsent:
        job.note(f"{job.run.unsent}. The run goes on, and is sent as soon as a server answers")
    try:
        with as_it_was():
            _go_through(job)
            if job.at_the_end is not None:
                job.at_the_end(job)
        status = "FINISHED"
    except Interrupted as interrupted:
        status, error = "KILLED", interrupted
        raise
    except RecipelineError as failure:
        failure.reword(job.recipe.redact)
        error = failure
        raise
    except BaseException as failure:
        error = failure
        raise
    finally:
        if job.fresh is not None:
            job.fresh.close()
        if job.datamodule is not None:
            job.datamodule.close()
        _finish(job, status, error)
    seconds = perf_counter() - started
    return RunResult(job.run.run_id, status, job.metrics, job.model_uri, job.run.tracking_uri, seconds)


def _go_through(job: Job) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    if job.memo is not None:
        job.memo.write(job.folder)
    hook = job.catalog.manager.hook
    hook.recipeline_run_started(run=job.context)
    for name in STAGES:
        stage = importlib.import_module(f"recipeline.stages.{name}")
        job.observer.stage_started(name)
        hook.recipeline_stage_started(stage=name, run=job.context)
        began = perf_counter()
        try:
            stage.run(job)
        except OSError as error:
            raise _environment(error, name) from error
        seconds = perf_counter() - began
        job.metrics[f"time/{name}_seconds"] = seconds
        job.context.metrics = job.metrics
        hook.recipeline_stage_finished(stage=name, run=job.context, seconds=seconds)
        job.observer.stage_finished(name, seconds)
        _log_stage(job, name)
        if name == "read":  # which has imported nearly all that a run takes
            collect_again()


def _log_stage(job: Job, name: str) -> None:
    if job.run is None:
        return
    from recipeline.tracking import record

    assert job.datamodule is not None
    if name == "split":
        record.log_recipe(job.run, job.recipe, job.catalog, job.datamodule.table.task)
    elif name == "preprocess":
        record.log_data(job.run, job.recipe, job.datamodule.table, job.datamodule.split_table, job.data)


def _finish(job: Job, status: Status, error: BaseException | None) -> None:
    assert job.run is not None
    from recipeline.tracking import record
    from recipeline.training.kept import CHECKPOINTS, to_log

    try:
        job.catalog.manager.hook.recipeline_run_finished(run=job.context, status=status)
    finally:
        checkpoints = to_log(job.folder / CHECKPOINTS)
        record.close_run(job.run, job.recipe, job.metrics, status, error, job.model_uri, checkpoints)
        complete = job.run.complete or (status != "KILLED" and _send_rest(job, job.run))
        for trouble in job.run.troubles:
            job.note(trouble)
        if not complete:
            job.note(job.run.unsent)
            job.note(f"it is kept in {job.folder}. Send it with: recipeline sync {job.folder.name[:8]}")
        if status == "KILLED" and "last.ckpt" in checkpoints:
            job.note(f"its training goes on where it stopped with: recipeline resume {job.folder.name[:8]}")
        if isinstance(error, Interrupted) and error.signal_number == SIGUSR1:
            job.note(requeue(job.folder.parent.parent, job.folder.name))
        if status == "FINISHED" and complete and not job.run.troubles:
            # All of it is in MLflow by now. What a failed run leaves is for whoever looks into it.
            shutil.rmtree(job.folder, ignore_errors=True)


def _abandon(job: Job, error: RecipelineError) -> None:
    """End a run whose own thread waits for a process that is gone."""
    error.reword(job.recipe.redact)
    try:
        _finish(job, "FAILED", error)
    finally:
        with contextlib.suppress(OSError, ValueError):  # whoever read it may be gone
            print(error, file=sys.stderr, flush=True)
        os._exit(error.exit_code)


def _send_rest(job: Job, run: TrackedRun) -> bool:
    """Send what the run could not, where the server is back by now. Whether MLflow has all of it."""
    from recipeline.sync import sync
    from recipeline.tracking.rows import in_words

    if run.away() is not None:
        return False
    try:
        (settled,) = sync(job.folder.parent, job.folder.name)
    except RecipelineError as error:
        job.note(str(error))
        return False
    job.model_uri = settled.model_uri or job.model_uri
    run.unsent = f"{in_words(settled.left)} could not be sent"
    for trouble in settled.troubles:
        job.note(trouble)
    return not settled.left


def _environment(error: OSError, stage: str) -> RecipelineError:
    return EnvironmentFault(
        Problem(
            f"{stage} failed: {error.strerror or error}",
            file=str(error.filename) if error.filename else None,
            suggestion="See what works here with: recipeline doctor",
        )
    )


def called_by() -> str:
    """The command line of this process, to be noted in its run."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def is_other_rank() -> bool:
    """Whether this process is a further one of a distributed training."""
    return int(os.environ.get("LOCAL_RANK", "0")) > 0 or int(os.environ.get("NODE_RANK", "0")) > 0


def follow(recipe: Recipe, catalog: Catalog, home: Path, observer: Observer) -> RunResult:
    """The part of a further process of a distributed training: the same stages, nothing logged."""
    from recipeline.stages.fit import CHECKPOINT_VARIABLE, FOLDER_VARIABLE, STARTER_VARIABLE
    from recipeline.training.ranks import leave_word
    from recipeline.training.surroundings import as_it_was

    starter = os.environ.get(STARTER_VARIABLE)
    die_with_parent(int(starter) if starter else None)
    if starter:  # a Ctrl-C reaches all of them, and the first one answers it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(os.environ.get(FOLDER_VARIABLE) or home / "runs" / f"rank-{uuid.uuid4().hex}")
    job = Job(recipe, catalog, folder, home / "cache", observer, RunContext(recipe, folder))
    checkpoint = os.environ.get(CHECKPOINT_VARIABLE)
    job.checkpoint = Path(checkpoint) if checkpoint else None
    try:
        with as_it_was():
            for name in STAGES:
                importlib.import_module(f"recipeline.stages.{name}").run(job)
    except BaseException as error:
        if not starter:
            raise
        # Whatever else would be put away here could wait for the others, who wait for this one.
        leave_word(folder, int(os.environ["LOCAL_RANK"]), error, recipe.redact)
        os._exit(1)
    return RunResult("", "FINISHED", job.metrics)
