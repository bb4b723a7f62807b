"""Make the run in MLflow, or go on in one: what has to be asked of the store before anything can be sent."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.errors import Problem, UsageError
from recipeline.tracking import store
from recipeline.tracking.deliver import NEVER
from recipeline.tracking.journal import Opening
from recipeline.tracking.keys import TAG_LENGTH, legal_key, shortened

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_ID = "recipeline.local_id"
"""The tag by which a run is found that was made, while whoever made it never learned so."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A run as MLflow has it."""

    run_id: str
    name: str
    experiment_id: str
    experiment: str
    params: dict[str, str] = field(default_factory=dict)


def open_run(uri: str, opening: Opening, *, again: bool = False, retried: bool = False) -> Opened:
    """The run in MLflow: a new one, the one to go on with, or the one that an earlier try has made.

    Args:
        uri: The store.
        opening: What the run is called, and which one to join.
        again: Go on in that run whatever its status; else only if it is under way.
        retried: An earlier try may have made the run.

    Raises:
        StoreAway: no server answers.
        EnvironmentFault: the store does not work.
        UsageError: the run to join or the experiment can't be used.
    """
    store.create_store(uri)
    client = store.connect(uri)
    with store.faults(uri):
        if opening.join is not None:
            return _join(client, uri, opening.join, again=again)
        experiment_id, experiment = _experiment(client, uri, opening.experiment)
        if retried:
            condition = f"tags.`{LOCAL_ID}` = '{opening.local_id}'"
            for run in client.search_runs([experiment_id], condition, max_results=1):
                return Opened(run.info.run_id, run.info.run_name, experiment_id, experiment, dict(run.data.params))
        tags = {legal_key(key): shortened(value, TAG_LENGTH) for key, value in opening.tags.items()}
        run = client.create_run(
            experiment_id,
            start_time=opening.started,
            run_name=opening.name,
            tags={**tags, LOCAL_ID: opening.local_id},
        )
        return Opened(run.info.run_id, opening.name, experiment_id, experiment)


def tags_to_add(client: MlflowClient, run_id: str, tags: dict[str, str]) -> dict[str, str]:
    """Those of a run's first tags that one that is joined gets: what MLflow has noted of it stays."""
    known = client.get_run(run_id).data.tags
    return {key: value for key, value in tags.items() if key not in known or "mlflow." not in key}


def _join(client: MlflowClient, uri: str, run_id: str, *, again: bool) -> Opened:
    """Go on in a run that exists."""
    from mlflow.exceptions import MlflowException

    whose = "the run" if again else "MLFLOW_RUN_ID names the run"
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in NEVER:
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
    experiment_id = run.info.experiment_id
    name = client.get_experiment(experiment_id).name
    return Opened(run_id, run.info.run_name, experiment_id, name, dict(run.data.params))


def _experiment(client: MlflowClient, uri: str, name: str) -> tuple[str, str]:
    """Id and name of the experiment, made if there is none."""
    from mlflow.exceptions import MlflowException

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


def context() -> dict[str, str]:
    """The tags that MLflow's own client would set, shown in the UI as user and source."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, as in some containers
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "recipeline", "mlflow.source.type": "LOCAL"}
