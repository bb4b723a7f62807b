"""One run in MLflow, from its opening to its last status: nothing that goes wrong in it stops a training.

Numbers, params and tags pass through the outbox; files are sent at once and once more at the end if that failed.
What could not be sent is remembered in `troubles`, to be said once.
"""

from __future__ import annotations

import getpass
import importlib.util
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recipeline.errors import EnvironmentFault, Problem, RecipelineError, UsageError
from recipeline.signals import raise_interruption
from recipeline.tracking import store
from recipeline.tracking.keys import DIGEST_LENGTH, TAG_LENGTH, as_param, legal_key, mlflow_type, shortened
from recipeline.tracking.outbox import MetricRow, Outbox, ParamRow, Refused, Row, TagRow

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from recipeline.tracking.system import SystemWatch

Status = Literal["FINISHED", "FAILED", "KILLED"]

PATIENCE_S = 15.0
"""How long `flush` and `close` wait for a store that does not answer."""

_NEVER = frozenset(
    {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED", "MALFORMED_REQUEST"}
)
"""MLflow's words for what it will never take."""


class TrackedRun:
    """An open run. Every method but `open` returns quickly or tries quietly, and raises nothing but `Interrupted`.

    Attributes:
        run_id: MLflow's id.
        name: The run's name in MLflow.
        experiment_id: The experiment's id.
        experiment: The experiment's name.
        tracking_uri: The store.
        troubles: What could not be sent, a sentence each; complete after `close`.
        complete: Whether the store has all of it; known after `close`.
    """

    def __init__(
        self,
        client: MlflowClient,
        *,
        run_id: str,
        name: str,
        experiment_id: str,
        experiment: str,
        tracking_uri: str,
        params: Mapping[str, str],
    ) -> None:
        self.run_id = run_id
        self.name = name
        self.experiment_id = experiment_id
        self.experiment = experiment
        self.tracking_uri = tracking_uri
        self.troubles: list[str] = []
        self.complete = True
        self._client = client
        self._params = dict(params)
        self._outbox = Outbox(self._send, words=_line)
        self._points: list[MetricRow] = []
        self._history: dict[str, list[tuple[int, float]]] = {}
        self._numbers: dict[str, float] = {}
        self._not_finite: dict[str, str] = {}
        self._late: list[tuple[str, Callable[[], None]]] = []
        self._unsent: dict[str, list[str]] = {}
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
    ) -> TrackedRun:
        """Start a run, or join the one that `mlflow run` has started (MLFLOW_RUN_ID).

        Args:
            name: The new run's name. A run that is joined keeps its own.
            experiment: The experiment's name, unless MLFLOW_EXPERIMENT_NAME gives another.
            uri: The store, from `tracking_uri`.
            tags: The run's first tags.
            description: Markdown that MLflow shows as the run's description.
            run_id: Go on in this run, whatever its status.

        Raises:
            EnvironmentFault: the store does not work.
            UsageError: the run to join or the experiment can't be used.
        """
        store.create_store(uri)
        client = store.connect(uri)
        with store.faults(uri):
            joined = run_id or os.environ.get("MLFLOW_RUN_ID", "").strip()
            first = {**_context(), **(tags or {})}
            if description:
                first["mlflow.note.content"] = shortened(description, TAG_LENGTH)
            if joined:
                return _join(cls, client, uri, joined, first, again=run_id is not None)
            experiment_id, experiment = _experiment(client, uri, experiment)
            run = client.create_run(
                experiment_id, run_name=name, tags={legal_key(k): shortened(v, TAG_LENGTH) for k, v in first.items()}
            )
        return cls(
            client,
            run_id=run.info.run_id,
            name=name,
            experiment_id=experiment_id,
            experiment=experiment,
            tracking_uri=uri,
            params={},
        )

    def log_params(self, params: Mapping[str, str | int | float | bool]) -> None:
        """Log params. One that the run has already keeps its value: MLflow's params can't change."""
        rows: list[Row] = []
        for given, value in params.items():
            key, text = legal_key(given), as_param(value)
            if key not in self._params:
                self._params[key] = text
                rows.append(ParamRow(key, text))
            elif self._params[key] != text:
                self._trouble(f"the param '{key}' was '{self._params[key]}' already and could not become '{text}'")
        self._outbox.put(rows)

    def log_epoch(self, metrics: Mapping[str, float], epoch: int) -> None:
        """Log one point of each curve. Takes microseconds; what isn't finite is left out and said once."""
        self._log(metrics, epoch)
        for key, value in metrics.items():
            if math.isfinite(value):
                self._history.setdefault(key, []).append((epoch, float(value)))

    def log_numbers(self, metrics: Mapping[str, float]) -> None:
        """Log numbers that a run has once."""
        self._log(metrics, 0)
        self._numbers.update({key: float(value) for key, value in metrics.items() if math.isfinite(value)})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; the last value counts."""
        self._outbox.put(TagRow(legal_key(key), shortened(str(value), TAG_LENGTH)) for key, value in tags.items())

    def log_text(self, path: str, text: str) -> None:
        """Log a text as the artifact at `path`, such as `recipe/written.yaml`."""
        folder, _, name = path.rpartition("/")

        def send() -> None:
            with tempfile.TemporaryDirectory(prefix="recipeline-") as place:
                file = Path(place, name)
                file.write_text(text, encoding="utf-8", newline="")
                self._client.log_artifact(self.run_id, str(file), folder or None)

        self._try(path, send)

    def log_json(self, path: str, value: Any) -> None:
        """Log a JSON document as the artifact at `path`."""
        self.log_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")

    def log_file(self, path: str, file: Path) -> None:
        """Log a file as the artifact at `path`; its own name may be another."""
        folder, _, name = path.rpartition("/")

        def send() -> None:
            if file.name == name:
                self._client.log_artifact(self.run_id, str(file), folder or None)
                return
            with tempfile.TemporaryDirectory(prefix="recipeline-") as place:
                link = Path(place, name)
                link.symlink_to(file.absolute())
                self._client.log_artifact(self.run_id, str(link), folder or None)

        self._try(path, send)

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
        from mlflow.entities import Dataset, DatasetInput, InputTag

        columns = [{"type": mlflow_type(kind), "name": column, "required": True} for column, kind in schema]
        profile = {"num_rows": sum(rows.values()), **{f"{part}_rows": count for part, count in rows.items()}}
        dataset = Dataset(
            name=shortened(name, 500),
            digest=digest[:DIGEST_LENGTH],
            source_type="local" if "://" not in source else "http",
            source=json.dumps({"uri": source}),
            schema=_fitting(columns),
            profile=json.dumps(profile),
        )
        tag = InputTag("mlflow.data.context", context)
        self._try(
            f"the data set '{name}'",
            lambda: self._client.log_inputs(self.run_id, datasets=[DatasetInput(dataset, [tag])]),
        )

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
        """Metric -> (epoch, value) pairs of everything logged by epoch in this process, sent or not."""
        return {key: list(points) for key, points in self._history.items()}

    def points(self) -> list[tuple[str, int, float, int]]:
        """Every point of the curves: metric, epoch, value, and when it was logged, in milliseconds since 1970."""
        return [(row.key, row.step, row.value, row.timestamp) for row in self._points]

    def numbers(self) -> dict[str, float]:
        """The numbers that this run has once, logged in this process."""
        return dict(self._numbers)

    @property
    def sent(self) -> int:
        """How many metrics, params and tags the store has taken."""
        return self._outbox.sent

    def flush(self, timeout_s: float = PATIENCE_S) -> bool:
        """Send what waits. False when the store would not take all of it in so many seconds."""
        return self._outbox.flush(timeout_s)

    def away(self) -> str | None:
        """Why nothing can be sent to the store's server just now, in words; None when it answers, or is a file."""
        try:
            store.check_server(self.tracking_uri)
        except EnvironmentFault as fault:
            return fault.problems[0].message
        return None

    def lacks(self, sentence: str) -> None:
        """Remember something that the store does not have, to be said with the rest."""
        self.complete = False
        self._trouble(sentence)

    def close(self, status: Status, error: str | None = None) -> None:
        """Send what waits and give the run its last status. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.stop()
        tags = {"recipeline.outcome": status.lower()}
        if error is not None:
            tags["recipeline.error"] = error
        if self._not_finite:
            tags["recipeline.not_finite"] = "; ".join(self._not_finite.values())
        self.set_tags(tags)
        if not self._outbox.close(PATIENCE_S):
            reason = self._outbox.trouble or "the store is slow"
            self.lacks(f"{len(self._outbox)} metrics, params or tags could not be sent: {reason}")
        for row, reason in dict(self._outbox.refused).items():
            kind = {MetricRow: "metric", ParamRow: "param", TagRow: "tag"}[type(row)]
            self._trouble(f"MLflow refused the {kind} '{row.key}': {reason}")
        for what, send in self._late:
            self._try(what, send)
        for reason, lost in self._unsent.items():
            self.lacks(f"{', '.join(lost)} could not be sent: {reason}")
        try:
            store.check_server(self.tracking_uri)
            self._client.set_terminated(self.run_id, status)
        except Exception as failure:
            self.lacks(f"the run's status {status} could not be set: {_line(failure)}")

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        now = time.time_ns() // 1_000_000
        rows = []
        for key, value in metrics.items():
            if math.isfinite(value):
                rows.append(MetricRow(legal_key(key), float(value), now, step))
            elif key not in self._not_finite:
                self._not_finite[key] = f"{key} was {value} at epoch {step}" if step else f"{key} was {value}"
                self._trouble(f"{self._not_finite[key]}: MLflow keeps finite numbers only, so this is left out")
        self._outbox.put(rows)

    def _log_system(self, metrics: Mapping[str, float], step: int) -> None:
        self._log({f"system/{key}": value for key, value in metrics.items()}, step)

    def _send(self, rows: list[Row]) -> None:
        """Send one batch; what the outbox calls."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException

        metrics = [Metric(r.key, r.value, r.timestamp, r.step) for r in rows if isinstance(r, MetricRow)]
        params = [Param(r.key, r.value) for r in rows if isinstance(r, ParamRow)]
        # Of one tag set twice in a batch the last value counts; the database would refuse the pair.
        tags = [RunTag(k, v) for k, v in {r.key: r.value for r in rows if isinstance(r, TagRow)}.items()]
        store.check_server(self.tracking_uri)
        try:
            self._client.log_batch(self.run_id, metrics=metrics, params=params, tags=tags)
        except MlflowException as error:
            if error.error_code in _NEVER:
                raise Refused(_line(error)) from error
            raise

    def _try(self, what: str, send: Callable[[], None]) -> None:
        try:
            store.check_server(self.tracking_uri)  # without one MLflow would hold each file for many seconds
            send()
        except Exception as error:
            if self._closed:
                self._unsent.setdefault(_line(error), []).append(what)
            else:
                self._late.append((what, send))
                raise_interruption(error)

    def _trouble(self, sentence: str) -> None:
        if sentence not in self.troubles:
            self.troubles.append(sentence)


def _join(
    cls: type[TrackedRun], client: MlflowClient, uri: str, run_id: str, tags: Mapping[str, str], *, again: bool
) -> TrackedRun:
    """Go on in a run that exists."""
    from mlflow.exceptions import MlflowException

    whose = "the run" if again else "MLFLOW_RUN_ID names the run"
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in _NEVER:
            raise
        raise UsageError(
            Problem(
                f"{whose} {run_id}, which is not in {store.shown(uri)}",
                suggestion="Unset MLFLOW_RUN_ID, or point MLFLOW_TRACKING_URI at the store that has it.",
            )
        ) from error
    if not again and run.info.status not in ("RUNNING", "SCHEDULED"):
        raise UsageError(
            Problem(f"{whose} {run_id}, which has ended", found=run.info.status, suggestion="Unset MLFLOW_RUN_ID.")
        )
    client.update_run(run_id, status="RUNNING")
    joined = cls(
        client,
        run_id=run_id,
        name=run.info.run_name,
        experiment_id=run.info.experiment_id,
        experiment=client.get_experiment(run.info.experiment_id).name,
        tracking_uri=uri,
        params=run.data.params,
    )
    joined.set_tags({key: value for key, value in tags.items() if key not in run.data.tags or "mlflow." not in key})
    return joined


def _experiment(client: MlflowClient, uri: str, name: str) -> tuple[str, str]:
    """Id and name of the experiment, made if there is none."""
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip() or name
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=_artifacts(uri)), name
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another process was quicker
    if found is None or found.lifecycle_stage != "active":
        number = "" if found is None else f" --experiment-id {found.experiment_id}"
        raise UsageError(
            Problem(
                f"the experiment '{name}' has been deleted in MLflow",
                path="tracking.experiment",
                suggestion=f"Name another, or bring it back with: mlflow experiments restore{number}",
            )
        )
    return found.experiment_id, name


def _artifacts(uri: str) -> str | None:
    """Where a new experiment keeps its files: beside the database, wherever the command was started.

    None leaves it to the store. MLflow's own choice is the working folder, which is the same for the default store.
    """
    file = store.database_file(uri)
    if file is None or file.parent == Path.cwd():
        return None
    return (file.parent / "mlruns" / os.urandom(6).hex()).as_uri()


def _context() -> dict[str, str]:
    """The tags that MLflow's own client would set, shown in the UI as user and source."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, as in some containers
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "recipeline", "mlflow.source.type": "LOCAL"}


def _fitting(columns: list[dict[str, Any]]) -> str:
    """The schema as MLflow wants it, with as many columns as fit: a very wide table has more than it takes."""
    limit = 1_000_000
    text = json.dumps({"mlflow_colspec": columns})
    while len(text) > limit:
        columns = columns[: int(len(columns) * limit / len(text))]
        text = json.dumps({"mlflow_colspec": columns})
    return text


def _line(error: Exception) -> str:
    if isinstance(error, RecipelineError):
        return error.problems[0].message
    text = " ".join(str(error).split())
    return shortened(f"{type(error).__name__}: {text}", 400)
