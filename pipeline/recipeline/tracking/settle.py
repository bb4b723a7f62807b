"""Send what a run's journal still holds, when the run itself no longer does: after an outage, a kill, a power cut."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from recipeline.errors import EnvironmentFault, Problem, RecipelineError, StoreAway, UsageError
from recipeline.signals import raise_interruption
from recipeline.tracking import alive, store
from recipeline.tracking.deliver import deliver, in_a_line
from recipeline.tracking.journal import FILE, Content, Journal, read_journal
from recipeline.tracking.opening import open_run
from recipeline.tracking.outbox import Outbox
from recipeline.tracking.rows import ModelRow, Row, StatusRow, TagRow

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE = "mlflow.note.content"
KILLED = "ended from outside, by SIGKILL, a lack of memory, a power cut or the like"
LOST = "ended from outside, by SIGKILL, a lack of memory or the like"

Outcome = Literal["sent", "nothing", "living", "elsewhere", "busy", "away", "kept"]
"""`busy`: another process sends it just now. `away`: no server answers. `kept`: the store did not take all of it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What has become of one run's journal."""

    run_id: str
    name: str
    tracking_uri: str
    """Without a password."""
    status: str
    outcome: Outcome
    sent: list[Row] = field(default_factory=list)
    left: list[Row] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    model_uri: str | None = None
    """The model, if it was logged now."""
    killed: bool = False
    """Whether the run was found dead, and is marked for that: KILLED, or FAILED where other processes needed it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """The run in MLflow that a model is logged to."""

    run_id: str
    experiment_id: str
    tracking_uri: str

    def flush(self) -> bool:
        """Nothing waits."""
        return True


ModelSender = Callable[[Receiver, Path, ModelRow], str]
"""Logs a model that was kept in this folder, and returns its address."""


def journals(runs: Path) -> Iterator[Path]:
    """The folders of all runs with a journal on this machine, the oldest first."""
    found = runs.glob(f"*/{FILE}")
    yield from (path.parent for path in sorted(found, key=lambda path: (path.stat().st_mtime, path)))


def settle(folder: Path, log_model: ModelSender, *, asked: bool = False) -> Settled:
    """Send all that a run's journal holds and MLflow does not; a run whose process was killed is marked for that.

    Args:
        folder: The run's folder.
        log_model: Logs a model that was kept.
        asked: This very run was named, which settles that a process of another machine is gone.

    Raises:
        UsageError: the journal can't be read, or its store's password is not known.
    """
    state = alive.state(folder)
    if state == "living" or (state == "elsewhere" and not asked):
        return _untouched(folder, "living" if state == "living" else "elsewhere")
    with alive.alone(folder) as mine:
        if not mine:
            return _untouched(folder, "busy")
        journal, content = Journal.go_on(folder)
        try:
            killed = content.status == "RUNNING"
            if killed:
                _mark(folder, journal, content)
            settled = replace(_send(folder, journal, content, log_model), killed=killed)
        finally:
            journal.close()
        if not settled.left:
            (folder / alive.FILE).unlink(missing_ok=True)
            _tidy(folder, content.status)
    return settled


def _untouched(folder: Path, outcome: Outcome) -> Settled:
    content = read_journal(folder)
    opening = content.opening
    left = [row for _, row in content.pending]
    return Settled(content.run_id or folder.name, opening.name, opening.uri, content.status, outcome, left=left)


def _mark(folder: Path, journal: Journal, content: Content) -> None:
    """Write down that the run was killed; its end is its journal's last sign of life.

    One process of several that is lost makes the run fail, whichever it is: the first can't say so itself.
    """
    moment = (folder / FILE).stat().st_mtime_ns // 1_000_000
    lost = alive.first_of_several(folder)
    status: Literal["FAILED", "KILLED"] = "KILLED" if lost is None else "FAILED"
    error = KILLED if lost is None else _first_was_lost(folder, *lost)
    rows: list[Row] = [
        TagRow("recipeline.outcome", status.lower()),
        TagRow("recipeline.error", error),
        StatusRow(status, moment),
    ]
    content.rows |= dict(enumerate(rows, journal.append(rows)))
    journal.sync()


def _first_was_lost(folder: Path, processes: int, pid: int) -> str:
    problem = Problem(
        f"process 1 of {processes} (rank 0) was {LOST}, and the others can't go on without it",
        found=f"pid {pid}",
        suggestion=f"Go on from the last checkpoint with: recipeline resume {folder.name[:8]}",
    )
    return f"{EnvironmentFault.__name__}: {problem}"


def _send(folder: Path, journal: Journal, content: Content, log_model: ModelSender) -> Settled:
    opening = content.opening
    waiting = content.pending
    before = Settled(content.run_id or folder.name, opening.name, opening.uri, content.status, "nothing")
    if not waiting and content.run_id is not None:
        return before
    logged: list[str] = []
    run_id = content.run_id
    uri = _store(content)
    try:
        reason = store.away(uri)
        if reason is not None:
            raise StoreAway(Problem(reason))
        if run_id is None:
            run_id = open_run(uri, opening, again=True, retried=True).run_id
            journal.note_run(run_id)
        client = store.connect(uri)

        def send(rows: list[Row]) -> None:
            if isinstance(rows[0], ModelRow):
                logged.append(_model(client, uri, run_id, folder, content, rows[0], log_model))
            else:
                deliver(client, uri, run_id, folder, rows)

        box = Outbox(send, taken=journal.note_sent)
        with store.faults(uri):
            box.drain(waiting)
    except RecipelineError as error:
        raise_interruption(error)
        if not isinstance(error, EnvironmentFault):
            raise
        done = read_journal(folder)
        outcome: Outcome = "away" if isinstance(error, StoreAway) else "kept"
        left = [row for _, row in done.pending]
        sent = [row for number, row in waiting if number in done.sent]
        return replace(
            before, run_id=run_id or folder.name, outcome=outcome, sent=sent, left=left, troubles=[in_a_line(error)]
        )
    left = [row for (_, row), _ in box.aside]
    troubles = [f"MLflow refused '{row.key}': {reason}" for row, reason in box.refused]
    troubles += [f"'{row.key}' could not be sent: {reason}" for (_, row), reason in box.aside]
    if content.damaged:
        troubles.append(f"{content.damaged} lines of the journal {folder / FILE} can't be read")
    return replace(
        before,
        run_id=run_id,
        outcome="kept" if left else "sent",
        sent=[row for _, row in waiting if row not in left],
        left=left,
        troubles=troubles,
        model_uri=logged[-1] if logged else None,
    )


def _model(
    client: MlflowClient, uri: str, run_id: str, folder: Path, content: Content, row: ModelRow, log_model: ModelSender
) -> str:
    """Log the model that was kept, unless an earlier try has, and let the run's description say where it is."""
    run = client.get_run(run_id)
    logged = run.outputs.model_outputs if run.outputs else []
    if logged:
        address = f"models:/{logged[-1].model_id}"
    else:
        address = log_model(Receiver(run_id, run.info.experiment_id, uri), folder, row)
    notes = [each.value for each in content.rows.values() if isinstance(each, TagRow) and each.key == NOTE]
    if notes:
        client.set_tag(run_id, NOTE, notes[-1].replace(row.served, address))
    return address


def _store(content: Content) -> str:
    """The store that a journal is meant for: as it says, but for what it must not hold.

    MLFLOW_TRACKING_URI gives the password that is left out, and another store for a run that MLflow doesn't have yet.
    """
    written = content.opening.uri
    given = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if given and (store.shown(given) == written or content.run_id is None):
        return store.tracking_uri()
    names = re.findall(r"\$\{env:(\w+)\}", written)
    missing = [name for name in names if name not in os.environ]
    if ":***@" in written or missing:
        raise UsageError(
            Problem(
                f"the address of the store that the run {content.opening.name} goes to is not all in its journal",
                found=written,
                suggestion=f"Set {', '.join(missing) or 'MLFLOW_TRACKING_URI'} and try again.",
            )
        )
    return re.sub(r"\$\{env:(\w+)\}", lambda found: os.environ[found[1]], written)


def _tidy(folder: Path, status: str) -> None:
    """A finished run is in MLflow with all it has. What others leave is for whoever goes on with them."""
    if status == "FINISHED":
        shutil.rmtree(folder, ignore_errors=True)
    else:
        shutil.rmtree(folder / "outbox", ignore_errors=True)
        (folder / "sending").unlink(missing_ok=True)
