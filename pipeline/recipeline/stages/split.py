"""Split: decide which rows train, which choose, which judge."""

from __future__ import annotations

from recipeline.stages.job import Job


def run(job: Job) -> None:
    """Assign each row its part."""
    assert job.datamodule is not None
    rows = job.datamodule.split_table
    for note in rows.notes:
        job.note(note)
