"""Preprocess: fit the steps on the train part, write the arrays of every part."""

from __future__ import annotations

from recipeline.stages.job import Job


def run(job: Job) -> None:
    """Prepare the arrays, or find them in the cache; then log what the data is."""
    for note in job.data.notes:
        job.note(note)
