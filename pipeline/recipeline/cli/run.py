"""`recipeline run`: train, evaluate, log; ends with a table and what to do next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from recipeline.cli.output import echo, emit_json, examples, json_option, table
from recipeline.errors import RecipelineError

if TYPE_CHECKING:
    from recipeline.recipe.model import Recipe
    from recipeline.runner import RunResult


@click.command(
    epilog=examples(
        "recipeline run recipe.yaml",
        "recipeline run recipe.yaml optimizer.lr=0.01 ~scheduler",
        "recipeline run recipe.yaml preprocessing.0.strategy=mean 'architecture.hidden=[64, 64]'",
    ),
)
@click.argument("recipe", metavar="RECIPE")
@click.argument("overrides", metavar="[K=V ...]", nargs=-1)
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the closing table.")
@json_option
def command(recipe: str, overrides: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Train, evaluate and log what RECIPE says. K=V changes a setting, ~K takes one away."""
    from recipeline.recipe.load import load, located
    from recipeline.tracking.store import shown

    loaded = load(recipe, overrides)

    from recipeline.cli.progress import observer
    from recipeline.training.observer import Observer

    other_rank = int(os.environ.get("LOCAL_RANK", "0")) > 0
    watching = None if quiet or other_rank else observer()
    try:
        # Seconds of imports: whoever watches sees that something goes on.
        from recipeline.runner import run, work_folder
        from recipeline.slurm import interrupted_run

        going_on = interrupted_run(work_folder())
        if going_on is not None:
            from recipeline.resuming import resume

            _, result = resume(going_on, observer=watching or Observer())
        else:
            result = run(loaded.recipe, observer=watching or Observer())
    except RecipelineError as error:
        located(error, loaded)
        raise
    finally:
        if watching is not None:
            watching.close()
    if other_rank:
        return
    if as_json:
        emit_json(result.as_dict() | {"tracking_uri": shown(result.tracking_uri)})
    else:
        closing(loaded.recipe, result)


def closing(recipe: Recipe, result: RunResult) -> None:
    """The numbers that count, and the commands to type next."""
    from recipeline.cli import next_steps
    from recipeline.cli.progress import number
    from recipeline.tracking.store import shown

    judged = {name: value for name, value in result.metrics.items() if name.startswith("test/")}
    best = {name: value for name, value in result.metrics.items() if name.startswith("best/")}
    rows = [
        (name, f"{value:.0f}" if name == "best/epoch" else number(value)) for name, value in (judged | best).items()
    ]
    echo()
    table(["metric", "value"], rows, title=f"{recipe.name}: finished in {result.seconds:.1f} s", right=["value"])
    echo(f"run     {result.run_id}")
    echo(f"model   {result.model_uri}")
    echo(f"store   {shown(result.tracking_uri)}")
    echo()
    echo("What to do next")
    next_steps.show(result.run_id, result.model_uri, result.tracking_uri)
