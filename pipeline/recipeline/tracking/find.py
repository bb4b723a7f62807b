"""Find a run again: by its id, the beginning of it, its name, or as the last one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline.errors import Problem, UsageError
from recipeline.tracking import store
from recipeline.tracking.opening import LOCAL_ID

if TYPE_CHECKING:
    from mlflow import MlflowClient

LAST = "last"
"""The word for the run that was started most recently."""

_PAGE = 1000
_ID = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run as MLflow holds it."""

    run_id: str
    name: str
    experiment: str
    status: str
    started: datetime
    params: dict[str, str]
    metrics: dict[str, float]
    """The latest value of each."""
    tags: dict[str, str]
    artifact_uri: str
    model_uri: str | None
    """The model that it has logged last; None when there is none."""
    data_digest: str | None
    """The digest of its data set."""
    tracking_uri: str

    def __str__(self) -> str:
        started = self.started.astimezone().strftime("%Y-%m-%d %H:%M")
        return f"{self.run_id}  {self.name}  {started}  {self.status}"


def find_run(reference: str, uri: str) -> FoundRun:
    """The one run that a reference means.

    Args:
        reference: An id, a unique beginning of one (4 characters or more), a run's name, or `last`.
        uri: The store, from `tracking_uri`.

    Raises:
        UsageError: there is none, or several; the message lists them.
        EnvironmentFault: the store does not work.
    """
    file = store.database_file(uri)
    if file is not None and not file.exists():
        raise UsageError(
            Problem(
                f"there are no runs yet: the MLflow store {file} does not exist",
                suggestion="Start one with: recipeline run RECIPE. Another store is named by MLFLOW_TRACKING_URI.",
            )
        )
    if not reference.strip():
        raise UsageError(Problem("the run's name is empty", suggestion=f"Give an id, a name, or '{LAST}'."))
    store.check_server(uri)
    client = store.connect(uri)
    with store.faults(uri):
        experiments = {e.experiment_id: e.name for e in client.search_experiments()}
        found = list(_candidates(client, reference, list(experiments)))
        if len(found) == 1:
            return _found(found[0], experiments, uri)
        known = [_found(run, experiments, uri) for run in found[:8]]
        recent = [_found(run, experiments, uri) for run in _search(client, list(experiments), limit=5)]
    if known:
        raise UsageError(
            Problem(
                f"{len(found)} runs are meant by '{reference}'",
                suggestion="Give the beginning of one id:" + _listed(known, len(found)),
            )
        )
    advice = f"The latest are:{_listed(recent, len(recent))}" if recent else "There are no runs in it yet."
    raise UsageError(Problem(f"no run is meant by '{reference}' in {store.shown(uri)}", suggestion=advice))


def _candidates(client: MlflowClient, reference: str, experiments: list[str]) -> Iterator[Any]:
    """The runs that a reference may mean; an id counts before the beginning of one, and that before a name."""
    if reference == LAST:
        yield from _search(client, experiments, "tags.`recipeline.version` LIKE '%'", limit=1)
        return
    if _ID.fullmatch(reference):
        # A run that no server knew at first has been shown by another id until it was sent.
        for where in ("attributes.run_id", f"tags.`{LOCAL_ID}`"):
            beginning = list(_search(client, experiments, f"{where} LIKE '{reference}%'"))
            if beginning:
                yield from beginning
                return
    quote = '"' if "'" in reference else "'"
    if quote in reference:  # MLflow's language knows no way to write such a text
        yield from (run for run in _search(client, experiments) if run.info.run_name == reference)
    else:
        yield from _search(client, experiments, f"attributes.run_name = {quote}{reference}{quote}")


def _search(
    client: MlflowClient, experiments: list[str], condition: str = "", limit: int | None = None
) -> Iterator[Any]:
    """Runs that were not deleted, the latest first."""
    token, left = None, limit
    while experiments:
        page = client.search_runs(
            experiments,
            filter_string=condition,
            max_results=min(left or _PAGE, _PAGE),
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if left is not None:
            left -= len(page)
        if not token or left == 0:
            return


def _found(run: Any, experiments: dict[str, str], uri: str) -> FoundRun:
    outputs = run.outputs.model_outputs if run.outputs else []
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return FoundRun(
        run_id=run.info.run_id,
        name=run.info.run_name or "",
        experiment=experiments.get(run.info.experiment_id, run.info.experiment_id),
        status=run.info.status,
        started=datetime.fromtimestamp((run.info.start_time or 0) / 1000, tz=UTC),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        artifact_uri=run.info.artifact_uri,
        model_uri=f"models:/{outputs[-1].model_id}" if outputs else None,
        data_digest=inputs[-1].dataset.digest if inputs else None,
        tracking_uri=uri,
    )


def _listed(runs: list[FoundRun], total: int) -> str:
    lines = "".join(f"\n  {run}" for run in runs)
    return lines + (f"\n  and {total - len(runs)} more" if total > len(runs) else "")


def fetch_artifact(run: FoundRun, path: str, folder: Path) -> Path | None:
    """Bring one artifact of a run into a folder; None when the run has no such artifact."""
    from mlflow.exceptions import MlflowException

    client = store.connect(run.tracking_uri)
    try:
        return Path(client.download_artifacts(run.run_id, path, str(folder)))
    except (MlflowException, OSError):
        return None
