"""One run in MLflow, from its opening to its last status: nothing that goes wrong in it stops a training.

All that it is told is written to the run's journal and sent in the background. Where no server answers, be it from the
start, the run goes on; what could not be sent until its end stays in the journal, to be sent by `recipeline sync`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from recipeline import secrecy
from recipeline.errors import Problem, StoreAway, UsageError
from recipeline.tracking import store, watcher
from recipeline.tracking.alive import FILE as ALIVE
from recipeline.tracking.alive import Alive
from recipeline.tracking.courier import Courier, Lost
from recipeline.tracking.deliver import deliver, in_a_line
from recipeline.tracking.journal import FILE, Journal, Opening, now, read_journal
from recipeline.tracking.keys import DIGEST_LENGTH, TAG_LENGTH, as_param, legal_key, mlflow_type, shortened
from recipeline.tracking.later import Later
from recipeline.tracking.opening import LOCAL_ID, Opened, context, open_run, tags_to_add
from recipeline.tracking.outbox import Outbox
from recipeline.tracking.rows import FileRow, InputRow, MetricRow, ModelRow, ParamRow, Row, StatusRow, TagRow, in_words

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from recipeline.tracking.system import SystemWatch

P = ParamSpec("P")
T = TypeVar("T")
Status = Literal["FINISHED", "FAILED", "KILLED"]
Point = tuple[Mapping[str, float], int, int]
"""Metrics, their epoch, and when they were logged in milliseconds since 1970."""

PATIENCE_S = 15.0
"""How long `flush` and `close` wait for a store that does not answer."""

LITTLE_PATIENCE_S = 5.0
"""How long `close` waits after a signal: whoever has sent it waits too, and sends the next one soon."""

TEXTS = (".txt", ".md", ".json", ".csv", ".yaml", ".yml", ".html", ".svg", ".patch", ".log")
"""Ends of the names of files that are texts, from which secrets are taken out."""

_LINKED = 1_000_000
"""Bytes from which on a file is kept by a second name, where that goes, and not by a copy."""


class TrackedRun:
    """An open run. Every method but `open` returns quickly, and none but it raises.

    Attributes:
        folder: The journal's folder, named by `run_id` where MLflow has given one when the run was opened.
        name: The run's name in MLflow.
        experiment: The experiment's name.
        tracking_uri: The store.
        troubles: What is not as it should be, a sentence each; complete after `close`.
        complete: Whether the store has all of it; known after `close`.
        unsent: Why no server has the run, when it was opened; after `close` what it has not, in a sentence.
    """

    def __init__(self, folder: Path, journal: Journal, opening: Opening, uri: str, alive: Alive) -> None:
        self.folder = folder
        self.name = opening.name
        self.experiment = opening.experiment
        self.tracking_uri = uri
        self.troubles: list[str] = []
        self.complete = True
        self.unsent = ""
        self._opening = opening
        self._opened: Opened | None = None
        self._journal = journal
        self._alive = alive
        self._again = False
        self._left: list[tuple[int, Row]] = []
        self._temporary = False
        self._hide: Callable[[str], str] = secrecy.hide
        self._watcher: subprocess.Popen[bytes] | None = None
        self._client: MlflowClient | None = None
        self._courier = Courier(uri)
        self._outbox = Outbox(
            self._send, words=in_a_line, beat=self._quietly(journal.sync), taken=self._quietly(journal.note_sent)
        )
        self._append = self._quietly(journal.append)
        self._later = Later(self._write_points)
        self._params: dict[str, str] = {}
        self._known: dict[tuple[str, int], float] = {}
        self._history: dict[str, dict[int, float]] = {}
        self._numbers: dict[str, float] = {}
        self._not_finite: dict[str, str] = {}
        self._model: ModelRow | None = None
        self._files = 0
        self._watch: SystemWatch | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        *,
        name: str,
        experiment: str,
        uri: str,
        tags: Mapping[str, str] | None = None,
        description: str = "",
        run_id: str | None = None,
        runs: Path | None = None,
        hide: Callable[[str], str] = secrecy.hide,
    ) -> TrackedRun:
        """Start a run, or join the one that `mlflow run` has started (MLFLOW_RUN_ID).

        Args:
            name: The new run's name. A run that is joined keeps its own.
            experiment: The experiment's name, unless MLFLOW_EXPERIMENT_NAME gives another.
            uri: The store, from `tracking_uri`.
            tags: The run's first tags.
            description: Markdown that MLflow shows as the run's description.
            run_id: Go on in this run, whatever its status.
            runs: The folder in which each run has one of its own; without it the journal ends with the run.
            hide: Puts something else in the place of what must not be seen in a text.

        Raises:
            EnvironmentFault: the store does not work.
            UnsafeError: the run is under way in another process.
            UsageError: the run to join or the experiment can't be used, or the run has finished meanwhile.
        """
        store.prepare_environment()
        first = {key: hide(value) for key, value in {**context(), **(tags or {})}.items()}
        if description:
            first["mlflow.note.content"] = shortened(hide(description), TAG_LENGTH)
        joined = run_id or os.environ.get("MLFLOW_RUN_ID", "").strip() or None
        opening = Opening(
            local_id=uuid.uuid4().hex,
            name=name,
            experiment=os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip() or experiment,
            uri=hide(store.shown(uri)),
            tags=first,
            started=now(),
            join=joined,
        )
        place = Path(tempfile.mkdtemp(prefix="recipeline-")) if runs is None else runs
        folder = place / (joined or opening.local_id)
        alive = Alive(folder)
        try:
            if run_id is not None and runs is not None:
                _refuse_finished(folder)
            run = cls._with_journal(folder, opening, uri, alive)
            run._temporary, run._again, run._hide = runs is None, run_id is not None, hide
            try:
                run._begin(again=run._again, retried=run._opening.join is None and run._files > 0)
            except StoreAway as fault:
                run.unsent = fault.problems[0].message
            for number, row in run._left:
                run._outbox.put([row], number)
            if run._files:
                run._tell([StatusRow("RUNNING", now())])
        except BaseException:
            alive.release()
            if not (joined and runs):
                shutil.rmtree(folder if runs else place, ignore_errors=True)
            raise
        return run

    @classmethod
    def _with_journal(cls, folder: Path, opening: Opening, uri: str, alive: Alive) -> TrackedRun:
        """The run, which knows what an earlier process has told the same run's journal."""
        if not (folder / FILE).exists():
            return cls(folder, Journal.create(folder, opening), opening, uri, alive)
        journal, content = Journal.go_on(folder)
        opening = replace(content.opening, join=content.run_id, tags={**content.opening.tags, **opening.tags})
        run = cls(folder, journal, opening, uri, alive)
        run._params = content.params
        for metric in content.metrics:
            run._known[metric.key, metric.step] = metric.value
            if metric.step:
                run._history.setdefault(metric.key, {})[metric.step] = metric.value
        run._files = len(content.rows)
        # The run goes on, so that a status or a model that was left counts no more.
        past = [number for number, row in content.pending if isinstance(row, StatusRow | ModelRow)]
        journal.note_sent(past)
        run._left = [(number, row) for number, row in content.pending if number not in past]
        return run

    @property
    def run_id(self) -> str:
        """MLflow's id; while MLflow has not given one, the id that this machine knows the run by."""
        if self._opened is not None:
            return self._opened.run_id
        return self._opening.join or self._opening.local_id

    @property
    def experiment_id(self) -> str:
        """The experiment's id; empty while no server has answered."""
        return self._opened.experiment_id if self._opened is not None else ""

    @property
    def started(self) -> bool:
        """Whether MLflow has the run."""
        return self._opened is not None

    def _begin(self, *, again: bool = False, retried: bool = False) -> None:
        """Make the run in MLflow, or go on in it."""
        opening = self._opening
        opened = open_run(self.tracking_uri, opening, again=again, retried=retried)
        if opening.join is None and not retried:
            # Nothing is written there yet: from here on the folder is found by the id that everybody sees.
            self.folder = self.folder.rename(self.folder.with_name(opened.run_id))
            self._journal.folder = self.folder
            self._alive.moved(self.folder)
        self._journal.note_run(opened.run_id)
        self._params = opened.params | self._params
        self.name, self.experiment = opened.name, opened.experiment
        self._client = store.connect(self.tracking_uri)
        self._opened = opened
        if opening.join is not None:
            first = {**opening.tags, LOCAL_ID: opening.local_id}
            with store.faults(self.tracking_uri):
                self.set_tags(tags_to_add(self._client, opened.run_id, first))

    def watch_over(self) -> None:
        """Start the small process that gives the run its last status when this one is killed."""
        self._watcher = watcher.start(self.folder, self.tracking_uri)

    def shared_by(self, processes: int) -> None:
        """From here on so many processes train together, and the loss of this one is a failure of theirs."""
        if processes > 1 and not self._closed:
            self._quietly(self._alive.write)(processes)

    def log_params(self, params: Mapping[str, str | int | float | bool]) -> None:
        """Log params. One that the run has already keeps its value: MLflow's params can't change."""
        rows: list[Row] = []
        for given, value in params.items():
            key, text = legal_key(given), self._hide(as_param(value))
            if key not in self._params:
                self._params[key] = text
                rows.append(ParamRow(key, text))
            elif self._params[key] != text:
                self._trouble(f"the param '{key}' was '{self._params[key]}' already and could not become '{text}'")
        self._tell(rows)

    def log_epoch(self, metrics: Mapping[str, float], epoch: int) -> None:
        """Log one point of each curve. Takes microseconds; what isn't finite is left out and said once.

        A point that the run has from before it was resumed is not logged again.
        """
        self._later.catch_up()
        self._write_points([(metrics, epoch, now())])

    def log_soon(self, metrics: Mapping[str, float], epoch: int) -> None:
        """The same at a tenth of the cost, for what is logged within steps: written within milliseconds.

        Everything else that the run is told, and `catch_up`, writes it at once. A process that is killed before has not
        logged it, as if it had been killed a moment sooner.
        """
        self._later.add((metrics, epoch, now()))

    def catch_up(self) -> None:
        """Write what was logged to be written soon."""
        self._later.catch_up()

    def log_numbers(self, metrics: Mapping[str, float]) -> None:
        """Log numbers that a run has once."""
        self._log(metrics, 0)
        self._numbers.update({key: float(value) for key, value in metrics.items() if math.isfinite(value)})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the last value counts."""
        said = {legal_key(key): shortened(self._hide(str(value)), TAG_LENGTH) for key, value in tags.items()}
        self._tell([TagRow(key, value) for key, value in said.items()])

    def log_text(self, path: str, text: str) -> None:
        """Log a text as the artifact at `path`, such as `recipe/written.yaml`."""
        said = self._hide(text)
        self._keep(path, lambda kept: kept.write_text(said, encoding="utf-8", newline=""))

    def log_json(self, path: str, value: Any) -> None:
        """Log a JSON document as the artifact at `path`."""
        self.log_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")

    def log_file(self, path: str, file: Path) -> None:
        """Log a file as the artifact at `path`; its own name may be another. It may be gone afterwards."""

        def keep(kept: Path) -> None:
            if path.endswith(TEXTS):
                with contextlib.suppress(UnicodeDecodeError):  # a text by its name alone
                    kept.write_bytes(self._hide(file.read_bytes().decode()).encode())
                    return
            if file.stat().st_size >= _LINKED:
                with contextlib.suppress(OSError):  # another disk, or one that knows no second names
                    kept.hardlink_to(file.resolve())
                    return
            shutil.copyfile(file, kept)

        self._keep(path, keep)

    def log_input(
        self,
        *,
        name: str,
        source: str,
        digest: str,
        schema: Sequence[tuple[str, str]],
        rows: Mapping[str, int],
        context: str = "training",
    ) -> None:
        """Log the data set that this run reads.

        Args:
            name: What a reader would call it.
            source: Its path or address.
            digest: Its fingerprint; the first 36 characters are what MLflow shows.
            schema: (column, type) in order; the types in polars' words or MLflow's.
            rows: Number of rows by part.
            context: What it was used for.
        """
        columns = [{"type": mlflow_type(kind), "name": column, "required": True} for column, kind in schema]
        profile = {"num_rows": sum(rows.values()), **{f"{part}_rows": count for part, count in rows.items()}}
        row = InputRow(
            key=shortened(self._hide(name), 500),
            digest=digest[:DIGEST_LENGTH],
            source_type="local" if "://" not in source else "http",
            source=json.dumps({"uri": self._hide(source)}),
            schema=_fitting(columns),
            profile=json.dumps(profile),
            context=context,
        )
        self._tell([row])

    def keep_model(
        self, bundle: Path, example: Path, *, nullable: Sequence[str], register_as: str | None, served: str
    ) -> None:
        """Leave the model to be logged when the server is back; the run has no last status before that.

        Args:
            bundle: What is to be logged, in the run's folder.
            example: A Parquet file with a few raw rows, in the run's folder.
            nullable: The columns with missing values in the data.
            register_as: Register it under this name too.
            served: The folder that serves until then.
        """
        places = [path.relative_to(self.folder).as_posix() for path in (bundle, example)]
        self._model = ModelRow(places[0], places[1], list(nullable), register_as, served)

    def watch_system(self, interval_s: float = 10.0) -> None:
        """Log the use of CPU, memory, disk, network and GPU as `system/*` until the run is closed."""
        from recipeline.tracking.system import SystemWatch

        if importlib.util.find_spec("psutil") is None:
            self._trouble(
                "the machine is not watched, because psutil is not installed. "
                "Install it with: pip install 'recipeline[system]'"
            )
        elif self._watch is None:
            self._watch = SystemWatch(self._log_system, interval_s)
            self._watch.start()

    def history(self) -> dict[str, list[tuple[int, float]]]:
        """Metric -> (epoch, value) pairs of everything logged by epoch, sent or not."""
        self._later.catch_up()
        return {key: sorted(points.items()) for key, points in self._history.items()}

    def numbers(self) -> dict[str, float]:
        """The numbers that this run has once, logged in this process."""
        return dict(self._numbers)

    @property
    def sent(self) -> int:
        """How many metrics, params, tags and files the store has taken."""
        return self._outbox.sent

    def flush(self, timeout_s: float | None = None) -> bool:
        """Send what waits. False when the store would not take all of it in so many seconds."""
        self._later.catch_up()
        return self._outbox.flush(PATIENCE_S if timeout_s is None else timeout_s)

    def away(self) -> str | None:
        """Why nothing can be sent to the store's server just now, in words; None when it answers, or is a file."""
        return store.away(self.tracking_uri)

    def close(self, status: Status, error: str | None = None) -> None:
        """Send what waits and give the run its last status. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.stop()
        self._later.close()
        tags = {"recipeline.outcome": status.lower()}
        if error is not None:
            tags["recipeline.error"] = error
        if self._not_finite:
            tags["recipeline.not_finite"] = "; ".join(self._not_finite.values())
        self.set_tags(tags)
        left: list[Row] = [] if self._model is None else [self._model]
        left.append(StatusRow(status, now()))
        if self._model is None:
            self._tell(left)
        done = self._outbox.close(LITTLE_PATIENCE_S if status == "KILLED" else PATIENCE_S)
        if self._model is not None:  # behind all that is sent from here: whoever sends it gives the run its status
            self._quietly(self._journal.append)(left)
        for row, reason in dict(self._outbox.refused).items():
            kind = {MetricRow: "metric", ParamRow: "param", TagRow: "tag", FileRow: "file"}.get(type(row), "row")
            self._trouble(f"MLflow refused the {kind} '{row.key}': {reason}")
        if not done or self._model is not None:
            waiting = self._outbox.waiting() + (left if self._model is not None else [])
            self.complete = False
            self.unsent = f"{in_words(waiting)} could not be sent: {self._why_not()}"
        self._courier.close()
        self._quietly(self._journal.close)()
        self._alive.release()
        watcher.stop(self._watcher)
        if self._temporary:
            shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _why_not(self) -> str:
        aside = [reason for _, reason in self._outbox.aside]
        return self._outbox.trouble or (aside[0] if aside else self.away() or "the store is slow")

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        self._tell(self._rows(metrics, step, now()))

    def _write_points(self, points: list[Point]) -> None:
        rows: list[Row] = []
        for metrics, epoch, moment in points:
            rows += self._rows(metrics, epoch, moment)
            for key, value in metrics.items():
                if math.isfinite(value):
                    self._history.setdefault(key, {})[epoch] = float(value)
        self._put(rows)

    def _rows(self, metrics: Mapping[str, float], step: int, moment: int) -> list[Row]:
        rows: list[Row] = []
        for given, value in metrics.items():
            if math.isfinite(value):
                key = legal_key(given)
                if not self._has(key, step, float(value)):
                    rows.append(MetricRow(key, float(value), moment, step))
            elif given not in self._not_finite:
                self._not_finite[given] = f"{given} was {value} at epoch {step}" if step else f"{given} was {value}"
                self._trouble(f"{self._not_finite[given]}: MLflow keeps finite numbers only, so this is left out")
        return rows

    def _has(self, key: str, step: int, value: float) -> bool:
        """Whether the run has this point from before it was resumed; of speeds it keeps the first."""
        known = self._known.get((key, step))
        return known is not None and (known == value or (step > 0 and key.endswith("_per_second")))

    def _log_system(self, metrics: Mapping[str, float], step: int) -> None:
        self._log({f"system/{key}": value for key, value in metrics.items()}, step)

    def _keep(self, path: str, write: Callable[[Path], object]) -> None:
        """Keep an artifact beside the journal until it is sent."""
        self._files += 1
        kept = self.folder / "outbox" / str(self._files) / path.rpartition("/")[2]
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write(kept)
            size = kept.stat().st_size
        except OSError as error:
            self.complete = False
            self._trouble(f"{path} could not be kept: {error.strerror or error}")
            return
        self._tell([FileRow(path, kept.relative_to(self.folder).as_posix(), size)])

    def _tell(self, rows: list[Row]) -> None:
        """Write rows to the journal, behind what was to be written soon, and queue them."""
        if rows:
            self._later.catch_up()
            self._put(rows)

    def _put(self, rows: list[Row]) -> None:
        if not rows:
            return
        first = self._append(rows)
        self._outbox.put(rows, self._journal.count if first is None else first)

    def _send(self, rows: list[Row]) -> None:
        """Send one batch; what the outbox calls."""
        if self._opened is None:
            store.check_server(self.tracking_uri)
            self._begin(again=self._again, retried=True)
        assert self._client is not None
        if self._courier.takes(rows):
            try:
                self._courier.send(self.run_id, rows)
            except Lost:
                if self._closed:  # ended by `close`, which has waited long enough
                    raise
            else:
                return
        deliver(self._client, self.tracking_uri, self.run_id, self.folder, rows)
        for row in rows:
            if isinstance(row, FileRow):
                shutil.rmtree((self.folder / row.file).parent, ignore_errors=True)

    def _quietly(self, write: Callable[P, T]) -> Callable[P, T | None]:
        """The same, a full disk being no reason to stop a training: what the journal lacks may still be sent."""

        def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return write(*args, **kwargs)
            except OSError as error:
                self._trouble(f"the run's journal can't be written: {error.strerror or error}")
                return None

        return call

    def _trouble(self, sentence: str) -> None:
        if sentence not in self.troubles:
            self.troubles.append(sentence)


def _refuse_finished(folder: Path) -> None:
    """Nothing is left to do in a run that another process has brought to its end since it was looked at."""
    if not (folder / FILE).exists():
        (folder / ALIVE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
    elif read_journal(folder).status != "FINISHED":
        return
    raise UsageError(Problem(f"the run {folder.name} has finished meanwhile, in another process"))


def _fitting(columns: list[dict[str, Any]]) -> str:
    """The schema as MLflow wants it, with as many columns as fit: a very wide table has more than it takes."""
    limit = 1_000_000
    text = json.dumps({"mlflow_colspec": columns})
    while len(text) > limit:
        columns = columns[: int(len(columns) * limit / len(text))]
        text = json.dumps({"mlflow_colspec": columns})
    return text
