"""Go on with a run that did not come to its end: from its newest whole checkpoint, in the same MLflow run."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from recipeline.catalog import Catalog, installed
from recipeline.errors import EnvironmentFault, Problem, UnsafeError, UsageError
from recipeline.hooks import RunContext
from recipeline.recipe.model import Recipe
from recipeline.runner import RunResult, complete, follow, is_other_rank, work_folder
from recipeline.signals import interruptions
from recipeline.stages.job import Job
from recipeline.tracking import alive
from recipeline.tracking.find import LAST, find_run
from recipeline.tracking.journal import Content, read_journal
from recipeline.tracking.store import tracking_uri
from recipeline.training.kept import CHECKPOINTS, Found, find_checkpoints
from recipeline.training.memo import FILE, Memo, read_memo

if TYPE_CHECKING:
    from recipeline.training.observer import Observer

EXACT = "recipeline.resume_exact"
"""The tag that says whether the run ends as one that was never interrupted."""


def resume(reference: str, *, allow_drift: bool = False, observer: Observer | None = None) -> tuple[Recipe, RunResult]:
    """Train on where the run stopped; what it had logged is not logged again.

    Args:
        reference: An id, the beginning of one, a run's name, or `last`.
        allow_drift: Go on though something has changed that the numbers depend on; a tag of the run says so.
        observer: Hears of stages, epochs and notes while it goes on.

    Returns:
        The run's recipe, and what the run has come to.

    Raises:
        UsageError: no such run is on this machine, it has finished (maybe meanwhile), or it would not end the same.
        UnsafeError: another process works on it.
        EnvironmentFault: none of its checkpoints is whole.
    """
    from recipeline.training.observer import Observer

    started = perf_counter()
    watching = observer or Observer()
    home = work_folder()
    catalog = installed()
    if is_other_rank():
        from recipeline.stages.fit import FOLDER_VARIABLE

        recipe = _memo(Path(os.environ[FOLDER_VARIABLE])).load_recipe()
        return recipe, follow(recipe, catalog, home, watching)
    folder = locate(reference, home / "runs")
    if alive.state(folder) == "living":
        raise UnsafeError(
            Problem(
                f"the run {folder.name} is under way in another process",
                suggestion="Wait for its end, or end it first: two at once would spoil each other's checkpoints.",
            )
        )
    memo = _memo(folder)
    recipe = memo.load_recipe()
    found = _checkpoints(folder)
    changed = _changes(recipe, memo, catalog, home)
    if changed and not allow_drift:
        raise UsageError(_drift(folder, changed))
    from recipeline.tracking.record import reopen_run

    with interruptions():
        memo.resumed += 1
        tags = {EXACT: str(not changed).lower(), "recipeline.resumed": str(memo.resumed)}
        tracked = reopen_run(recipe, folder, tags)
        memo.write(folder)
        context = RunContext(recipe, folder, tracked.run_id)
        job = Job(recipe, catalog, folder, home / "cache", watching, context, run=tracked, memo=memo)
        job.checkpoint, job.kept = found.newest, found.kept
        for note in (*_told(found), *changed):
            job.note(note)
        return recipe, complete(job, started)


def locate(reference: str, runs: Path) -> Path:
    """The folder of the one run that is meant.

    Raises:
        UsageError: there is none, there are several, or it has finished.
        EnvironmentFault: it is not on this machine, and the store does not answer.
    """
    here = {path.parent: read_journal(path.parent) for path in sorted(runs.glob(f"*/{FILE}"))}
    found = _latest(here) if reference == LAST else _meant(reference, here)
    if len(found) > 1:
        listed = "".join(f"\n  {folder.name}  {here[folder].opening.name}" for folder in found)
        raise UsageError(
            Problem(
                f"{len(found)} runs are meant by '{reference}'",
                suggestion=f"Give the beginning of one id:{listed}",
            )
        )
    if not found:
        run = find_run(reference, tracking_uri())
        if run.status == "FINISHED":
            raise _finished(run.run_id, run.name)
        raise UsageError(
            Problem(
                f"the run {run.run_id} ({run.name}) has no checkpoints in {runs}",
                found=run.status,
                suggestion="Resume it on the machine and in the folder where it ran, or start it again.",
            )
        )
    if here[found[0]].status == "FINISHED":
        raise _finished(here[found[0]].run_id or found[0].name, here[found[0]].opening.name)
    return found[0]


def _latest(here: dict[Path, Content]) -> list[Path]:
    """The newest run here, unless the store has one that was started later."""
    if not here:
        return []
    newest = max(here, key=lambda folder: here[folder].opening.started)
    try:
        last = find_run(LAST, tracking_uri())
    except (EnvironmentFault, UsageError):  # away, or another store than that of the recipe
        return [newest]
    return [] if last.started.timestamp() * 1000 > here[newest].opening.started + 1 else [newest]


def _meant(reference: str, here: dict[Path, Content]) -> list[Path]:
    """An id counts before the beginning of one, and that before a name."""
    ids = {folder: {folder.name, content.run_id or folder.name} for folder, content in here.items()}
    found = [folder for folder in here if reference in ids[folder]]
    if not found and len(reference) >= 4:
        found = [folder for folder in here if any(each.startswith(reference) for each in ids[folder])]
    return found or [folder for folder, content in here.items() if content.opening.name == reference]


def _finished(run_id: str, name: str) -> UsageError:
    return UsageError(
        Problem(
            f"the run {run_id} ({name}) has finished: there is nothing left to do in it",
            suggestion="Start a new one to train longer: recipeline run RECIPE training.epochs=N.",
        )
    )


def _memo(folder: Path) -> Memo:
    memo = read_memo(folder)
    if memo is None:
        raise UsageError(Problem("this run has noted nothing to be resumed from", file=str(folder)))
    return memo


def _checkpoints(folder: Path) -> Found:
    """The run's checkpoints.

    Raises:
        EnvironmentFault: there are some, and none is whole: nobody starts from the beginning without being asked.
    """
    found = find_checkpoints(folder / CHECKPOINTS)
    if found.newest is None and found.damaged:
        problems = [Problem(f"this checkpoint is damaged: {reason}") for reason in found.damaged]
        advice = "None before it is whole. Start anew with: recipeline run RECIPE."
        raise EnvironmentFault(
            *problems[:-1], Problem(f"this checkpoint is damaged: {found.damaged[-1]}", suggestion=advice)
        )
    return found


def _told(found: Found) -> list[str]:
    notes = [f"a checkpoint is damaged, and the one before it is taken: {reason}" for reason in found.damaged]
    if found.newest is None:
        return [*notes, "no checkpoint had been made yet: training begins with the first epoch"]
    return [*notes, f"going on after epoch {found.epochs}, optimizer step {found.step}, from {found.newest}"]


def _changes(recipe: Recipe, memo: Memo, catalog: Catalog, home: Path) -> list[str]:
    """What the run's numbers depend on and has changed since it was started."""
    from recipeline.data.read import read
    from recipeline.training.fingerprint import differences, fingerprint, machine

    now = fingerprint(recipe, catalog)
    changed = differences(memo.fingerprint, now)
    if "machine" in memo.fingerprint:
        changed += differences(memo.fingerprint, {"machine": machine(recipe)})
    if "data" in memo.fingerprint:
        table = read(recipe, home / "cache")
        changed += differences(memo.fingerprint, {"data": {table.location: table.fingerprint}})
    return changed


def _drift(folder: Path, changed: list[str]) -> Problem:
    return Problem(
        f"the run {folder.name} would not end as it would have: {'; '.join(changed)}",
        suggestion="Undo that, start a new run, or go on with the recipe as it was with --allow-drift: the tag "
        f"{EXACT} is false then.",
    )
