"""Hand rows of a journal over to MLflow; the same by whoever does it, so that doing it twice is doing it once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.errors import RecipelineError
from recipeline.tracking import store
from recipeline.tracking.keys import shortened
from recipeline.tracking.outbox import Aside, Refused
from recipeline.tracking.rows import FileRow, InputRow, MetricRow, ParamRow, Row, StatusRow, TagRow

if TYPE_CHECKING:
    from mlflow import MlflowClient

NEVER = frozenset(
    {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED", "MALFORMED_REQUEST"}
)
"""MLflow's words for what it will never take."""


def deliver(client: MlflowClient, uri: str, run_id: str, folder: Path, rows: list[Row]) -> None:
    """Send one batch of an outbox.

    Args:
        client: From `store.connect`.
        uri: The store.
        run_id: MLflow's id of the run.
        folder: The journal's folder, which files are kept in.
        rows: Metrics, params and tags, as many as MLflow takes at once; or a single row of another kind.

    Raises:
        Refused: the store will never take it.
        Aside: a file or a data set that the store did not take, though it is there.
        Exception: whatever MLflow raises when the store is away.
    """
    from mlflow.exceptions import MlflowException

    store.check_server(uri)  # without one MLflow would hold each request for many seconds
    first = rows[0]
    try:
        if isinstance(first, FileRow):
            _file(client, run_id, folder, first)
        elif isinstance(first, InputRow):
            _input(client, run_id, first)
        elif isinstance(first, StatusRow):
            _status(client, run_id, first)
        else:
            _small(client, run_id, rows)
    except Refused:
        raise
    except Exception as error:
        if isinstance(error, MlflowException) and error.error_code in NEVER:
            raise Refused(in_a_line(error)) from error
        if isinstance(first, FileRow | InputRow):
            raise Aside(in_a_line(error)) from error
        raise


def _small(client: MlflowClient, run_id: str, rows: list[Row]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(r.key, r.value, r.timestamp, r.step) for r in rows if isinstance(r, MetricRow)]
    params = [Param(r.key, r.value) for r in rows if isinstance(r, ParamRow)]
    # Of one tag set twice in a batch the last value counts; the database would refuse the pair.
    tags = [RunTag(k, v) for k, v in {r.key: r.value for r in rows if isinstance(r, TagRow)}.items()]
    client.log_batch(run_id, metrics=metrics, params=params, tags=tags)


def _file(client: MlflowClient, run_id: str, folder: Path, row: FileRow) -> None:
    kept = folder / row.file
    if not kept.resolve().is_relative_to(folder.resolve()):  # a journal that somebody else has written
        raise Refused("it lies outside of the run's folder")
    size = kept.stat().st_size if kept.is_file() else -1
    if size != row.size:
        raise Refused("it is no longer there" if size < 0 else f"only {size} of its {row.size} bytes are there")
    client.log_artifact(run_id, str(kept), row.key.rpartition("/")[0] or None)


def _input(client: MlflowClient, run_id: str, row: InputRow) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=row.key,
        digest=row.digest,
        source_type=row.source_type,
        source=row.source,
        schema=row.schema,
        profile=row.profile,
    )
    tag = InputTag("mlflow.data.context", row.context)
    client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])


def _status(client: MlflowClient, run_id: str, row: StatusRow) -> None:
    if row.key == "RUNNING":
        client.update_run(run_id, status=row.key)
    else:
        client.set_terminated(run_id, row.key, row.timestamp)


def in_a_line(error: BaseException) -> str:
    """What to say of a failure."""
    if isinstance(error, RecipelineError):
        return error.problems[0].message
    text = " ".join(str(error).split())
    return shortened(f"{type(error).__name__}: {text}", 400)
