"""Read: scan the source once into a typed table, and settle roles and task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recipeline.stages.job import Job

if TYPE_CHECKING:
    from recipeline.families.spec import Role, Task
    from recipeline.recipe.model import Recipe


def complete(recipe: Recipe, task: Task, roles: Mapping[str, Role]) -> Recipe:
    """The recipe with its open parts filled in, checked for the task that the data has shown.

    Raises:
        RecipeError: a loss, metric, report or step isn't made for this task.
    """
    from recipeline.catalog import installed
    from recipeline.recipe.checks import check_task
    from recipeline.recipe.defaults import fill

    filled = fill(recipe, task, roles)
    check_task(filled, installed(), task)
    return filled


def run(job: Job) -> None:
    """Read the table."""
    from recipeline.training.datamodule import RecipeDataModule

    job.datamodule = RecipeDataModule(job.recipe, job.cache, complete)
    for note in job.datamodule.table.notes:
        job.note(note)
