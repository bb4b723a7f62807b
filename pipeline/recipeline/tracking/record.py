"""What every run holds: its params, tags, inputs and artifacts, written at the moment when each is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recipeline.catalog import Catalog
from recipeline.data.row_digests import row_digests
from recipeline.errors import Interrupted
from recipeline.recipe.dump import to_yaml
from recipeline.recipe.model import Recipe
from recipeline.tracking import facts
from recipeline.tracking.flatten import flat_params
from recipeline.tracking.note import note
from recipeline.tracking.run import TrackedRun
from recipeline.tracking.store import prepare_environment, tracking_uri

if TYPE_CHECKING:
    import polars as pl

    from recipeline.data.prepared import PreparedData
    from recipeline.data.read import Table
    from recipeline.data.split import SplitTable

BATCH_SIZE = "training.batch_size"
WEIGHTS_TAG = "recipeline.weights_sha256"
"""The tag that tells the best epoch's weights from all others."""

RESOLVED = "recipe/resolved.yaml"
SPLIT = "data/split.parquet"
PROFILE = "data/profile.json"
ROW_DIGESTS = "data/rows.parquet"
ENVIRONMENT = "environment/fingerprint.json"
REQUIREMENTS = "environment/requirements.txt"
PATCH = "environment/git.patch"

Status = Literal["FINISHED", "FAILED", "KILLED"]


def open_run(recipe: Recipe, catalog: Catalog, command: str, runs: Path | None = None) -> TrackedRun:
    """Open the MLflow run before anything is read, so that every failure has a run to stand in.

    Args:
        recipe: The recipe as written.
        catalog: Where its plugins come from.
        command: The command line.
        runs: The folder in which each run has one of its own, with the journal in it.
    """
    prepare_environment()
    uri = tracking_uri(recipe.tracking.uri)
    # As they are written: a value from the environment may be a password. What we say of the run stays true.
    tags = recipe.as_recipe()["tracking"]["tags"] | facts.tags(recipe, catalog, command)
    run = TrackedRun.open(
        name=recipe.name,
        experiment=recipe.tracking.experiment or recipe.name,
        uri=uri,
        tags=tags,
        description=recipe.description,
        runs=runs,
        hide=recipe.redact,
    )
    try:
        if runs is not None:
            run.watch_over()
        if recipe.tracking.system_metrics:
            run.watch_system()
        patch = facts.git_patch()
        if patch:
            run.log_text(PATCH, patch)
        run.log_text(REQUIREMENTS, facts.requirements())
        run.log_text("recipe/written.yaml", recipe.text or to_yaml(recipe))
    except BaseException as error:  # nobody else could close it: the caller doesn't have it yet
        words = recipe.redact(f"{type(error).__name__}: {error}")
        run.close("KILLED" if isinstance(error, Interrupted) else "FAILED", words)
        raise
    return run


def reopen_run(recipe: Recipe, folder: Path, tags: Mapping[str, str]) -> TrackedRun:
    """Go on in a run whose journal lies in this folder: what it was started with stays as it is.

    Args:
        recipe: The recipe as written.
        folder: The run's own folder.
        tags: What is new.
    """
    prepare_environment()
    run = TrackedRun.open(
        name=recipe.name,
        experiment=recipe.tracking.experiment or recipe.name,
        uri=tracking_uri(recipe.tracking.uri),
        tags=tags,
        run_id=folder.name,
        runs=folder.parent,
        hide=recipe.redact,
    )
    run.set_tags(tags)
    run.watch_over()
    if recipe.tracking.system_metrics:
        run.watch_system()
    return run


def log_recipe(run: TrackedRun, recipe: Recipe, catalog: Catalog, task: str) -> None:
    """Log the complete recipe, once the table is known: as params to compare, as a file to run again."""
    params = flat_params(recipe) | {"task": task}
    if recipe.training.batch_size == "auto":  # params can't change: it is logged when it has been found
        del params[BATCH_SIZE]
    run.log_params(params)
    run.log_text(RESOLVED, to_yaml(recipe))
    # Once more: the plugins that the recipe left open are known by now.
    run.set_tags({"recipeline.plugins": facts.plugins(recipe, catalog)})


def log_batch_size(run: TrackedRun, recipe: Recipe) -> None:
    """Log the batch size that was found, also in the recipe to run again."""
    run.log_params({BATCH_SIZE: flat_params(recipe)[BATCH_SIZE]})
    run.log_text(RESOLVED, to_yaml(recipe))


def log_environment(run: TrackedRun, environment: Mapping[str, Any]) -> None:
    """Log what the numbers depend on besides the recipe, once the machine and the threads are known."""
    run.log_json(ENVIRONMENT, environment)


def log_data(run: TrackedRun, recipe: Recipe, table: Table, rows: SplitTable, data: PreparedData) -> None:
    """Log the data: digest, schema, rows by part, each row's part, profile and fitted state."""
    run.set_tags({"recipeline.data_sha256": data.fingerprint})
    run.log_input(
        name=recipe.redact(recipe.data.source.location()),
        source=recipe.redact(recipe.data.source.location()),
        digest=data.fingerprint[:36],
        schema=[(name, mlflow_type(dtype)) for name, dtype in table.schema.items()],
        rows={part: len(arrays) for part, arrays in data.parts.items()},
        context="training",
    )
    run.log_json(PROFILE, data.profile)
    run.log_json("preprocessing/state.json", data.pipeline.to_json())
    digests = row_digests(table)
    if digests is not None:
        with facts.temporary("rows.parquet") as path:
            digests.to_frame().write_parquet(path)
            run.log_file(ROW_DIGESTS, path)
    with facts.temporary("split.parquet") as path:
        rows.parts().to_frame().with_row_index("row").write_parquet(path)
        run.log_file(SPLIT, path)


def mlflow_type(dtype: pl.DataType) -> str:
    """A column's type in MLflow's words."""
    if dtype.is_integer():
        return "long"
    if dtype.is_numeric():
        return "double"
    if dtype.is_temporal():
        return "datetime"
    return "boolean" if str(dtype) == "Boolean" else "string"


def close_run(
    run: TrackedRun,
    recipe: Recipe,
    metrics: Mapping[str, float],
    status: Status,
    error: BaseException | None,
    model_uri: str | None,
    checkpoints: Mapping[str, Path],
) -> None:
    """Log what a run has once, its checkpoints and its note, and close it with the right status."""
    run.log_numbers(metrics)
    for name, path in checkpoints.items():
        run.log_file(f"checkpoints/{name}", path)
    words = recipe.redact(f"{type(error).__name__}: {error}") if error is not None else None
    run.set_tags(
        {
            "mlflow.note.content": note(
                recipe,
                run_id=run.run_id,
                metrics=metrics,
                status=status,
                uri=run.tracking_uri,
                model_uri=model_uri,
                error=words,
            )
        }
    )
    run.close(status, words)
