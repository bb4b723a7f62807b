"""Split: decide which rows train, which choose, which judge; then fill in what the recipe leaves open."""

from __future__ import annotations

from recipeline.stages.job import Job


def run(job: Job) -> None:
    """Assign each row its part, and complete the recipe for what the train rows show."""
    assert job.datamodule is not None
    rows = job.datamodule.split_table
    job.recipe = job.context.recipe = job.datamodule.recipe
    for note in rows.notes:
        job.note(note)
