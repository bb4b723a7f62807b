"""Read: scan the source once into a typed table, settle roles and task, fill in the recipe's open parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline.stages.job import Job

if TYPE_CHECKING:
    from recipeline.data.read import Table
    from recipeline.recipe.model import Recipe


def complete(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with its open parts filled in for this table."""
    from recipeline.catalog import installed
    from recipeline.recipe.checks import check_task
    from recipeline.recipe.defaults import fill

    roles = {name: role for name, role in table.roles.items() if name not in table.targets}
    filled = fill(recipe, table.task, roles)
    check_task(filled, installed(), table.task)
    return filled


def run(job: Job) -> None:
    """Read the table and complete the recipe."""
    from recipeline.training.datamodule import RecipeDataModule

    job.datamodule = RecipeDataModule(job.recipe, job.cache, complete)
    table = job.datamodule.table
    job.recipe = job.context.recipe = job.datamodule.recipe
    for note in table.notes:
        job.note(note)
