"""Read: scan the source once into a typed table, and settle roles and task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recipeline.data.earlier import earlier_of
from recipeline.recipe.dump import to_yaml
from recipeline.stages.earlier import with_earlier
from recipeline.stages.job import EARLIER_SPLIT, Job

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
    """Read the table, having brought the model that the architecture starts from."""
    if job.run is not None and job.fresh is None:  # the run of a resumed training was opened long ago
        from recipeline.serving.fresh import at_the_start

        job.fresh = at_the_start(job.recipe.data.source.location())
    from recipeline.training.datamodule import RecipeDataModule
    from recipeline.training.threads import refuse_more_than_cores

    refuse_more_than_cores(job.recipe.training.threads)
    refuse_more_than_cores(job.recipe.training.workers, "workers")
    job.recipe = job.context.recipe = with_earlier(job.recipe, job.catalog)
    earlier = earlier_of(job.recipe.architecture)
    if earlier is not None and job.memo is not None:  # so that no later run of that name is taken for it
        job.memo.recipe = to_yaml(job.recipe)
        job.memo.write(job.folder)
    if earlier is not None and job.run is not None:
        origin = f"{earlier.architecture.plugin_name} of {earlier.location}"
        job.run.set_tags({"recipeline.origin": origin, "recipeline.origin_sha256": earlier.sha256})
    job.datamodule = RecipeDataModule(job.recipe, job.cache, complete, job.folder / EARLIER_SPLIT)
    for note in job.datamodule.table.notes:
        job.note(note)
