"""Package: log the model for raw rows, load it back in a fresh interpreter, and compare it with the trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.errors import EnvironmentFault
from recipeline.stages.job import Job

if TYPE_CHECKING:
    import polars as pl

    from recipeline.tracking.run import TrackedRun

CHECKED_ROWS = 1024
"""Raw rows that the logged model must answer as the trainer did: one batch of evaluation."""

TRIES = 3
"""How often a store that answers is asked to take the model: it may have been away in between."""


def run(job: Job) -> None:
    """Log the model and check it; a model that answers otherwise than the trainer fails the run."""
    if job.run is None:
        return
    from recipeline.serving.bundle import answer_frame, write_bundle
    from recipeline.serving.fresh import FreshInterpreter
    from recipeline.serving.log import check_model
    from recipeline.training.allocator import give_back
    from recipeline.training.datamodule import evaluation_batch

    assert job.module is not None
    assert job.datamodule is not None
    assert job.prediction is not None
    job.data.let_go()  # of memory, which two interpreters share by now
    give_back()
    with job.fresh or FreshInterpreter() as fresh:
        bundle = job.folder / "model"
        write_bundle(
            bundle,
            network=job.module.network,
            recipe=job.recipe,
            pipeline=job.data.pipeline,
            batch_size=evaluation_batch(job.recipe),
            catalog=job.catalog,
        )
        numbers = [int(row) for row in job.data.parts[job.judged].rows[:CHECKED_ROWS]]
        expected = answer_frame(job.prediction[: len(numbers)], job.data.target)
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        raw = job.raw_rows(numbers)
        job.model_uri = _log(job, job.run, bundle, raw.head(5))
        give_back()
        check_model(job.model_uri, raw, expected[order], tracking_uri=job.run.tracking_uri, fresh=fresh)


def _log(job: Job, run: TrackedRun, bundle: Path, example: pl.DataFrame) -> str:
    """The logged model's URI; the folder that it is kept in where the server is away.

    An outage is no reason to lose a training. A store that answers and refuses is a fault to be mended.
    """
    from recipeline.serving.log import log_model, save_model

    assert job.datamodule is not None
    nullable = job.datamodule.table.nullable()
    register_as = job.recipe.tracking.register_as
    refusal: EnvironmentFault | None = None
    for _ in range(TRIES):
        if run.away() is not None:
            break
        try:
            if run.flush() and run.started:
                return log_model(run, bundle, example=example, nullable=nullable, register_as=register_as)
        except EnvironmentFault as fault:
            refusal = fault
    else:
        if refusal is not None:
            raise refusal
    served = save_model(bundle, job.folder / "mlflow-model", example=example)
    rows = job.folder / "example.parquet"
    example.write_parquet(rows)
    run.keep_model(bundle, rows, nullable=nullable, register_as=register_as, served=served)
    return served
