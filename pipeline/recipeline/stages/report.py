"""Report: the figures and tables that show how it went, logged as `reports/*`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from recipeline.families.spec import Results
from recipeline.stages.job import Job

if TYPE_CHECKING:
    import polars as pl


def run(job: Job) -> None:
    """Let each report write its files, and log them."""
    if job.run is None:
        return
    from recipeline.serving.fresh import FreshInterpreter

    job.fresh = job.fresh or FreshInterpreter()
    job.fresh.wake()  # it imports while the figures are drawn
    folder = job.folder / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    results = results_of(job)
    for report in job.recipe.reports or []:
        if report.tasks and job.data.target.task not in report.tasks:
            continue
        for path in report.write(results, folder):
            job.run.log_file(f"reports/{path.name}", path)


def results_of(job: Job) -> Results:
    """What the run has to show."""
    assert job.run is not None
    assert job.prediction is not None
    truth = torch.from_numpy(job.data.parts[job.judged].target)
    numbers = job.data.parts[job.judged].rows
    prediction = job.prediction.numpy()
    if job.data.target.task == "sequence":
        prediction = prediction[:, 1:].astype("int64")  # before them stands the probability
    if not job.data.target.classes:
        truth = job.data.pipeline.restore_target(truth.double())
    return Results(
        target=job.data.target,
        history=job.run.history(),
        metrics=dict(job.metrics),
        truth=truth.numpy(),
        prediction=prediction,
        part=job.judged,
        raw_rows=lambda places: _raw_rows(job, [int(numbers[place]) for place in places]),
    )


def _raw_rows(job: Job, rows: list[int]) -> pl.DataFrame:
    """These rows of the source, in the order asked for."""
    import polars as pl

    found = job.raw_rows(rows)  # in the source's order
    places = {row: place for place, row in enumerate(sorted(rows))}
    return found[pl.Series([places[row] for row in rows], dtype=pl.Int64)]
