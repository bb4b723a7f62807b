"""`recipeline run`: train, evaluate, log; ends with a table and what to do next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from recipeline.cli.output import echo, emit_json, json_option, table

if TYPE_CHECKING:
    from recipeline.recipe.model import Recipe
    from recipeline.runner import RunResult


@click.command(
    context_settings={"ignore_unknown_options": False},
    epilog="Examples: recipeline run recipe.yaml   recipeline run recipe.yaml optimizer.lr=0.01 ~scheduler",
)
@click.argument("recipe", metavar="RECIPE")
@click.argument("overrides", metavar="[K=V ...]", nargs=-1)
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the closing table.")
@json_option
def command(recipe: str, overrides: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Train, evaluate and log what RECIPE says. K=V changes a setting, ~K takes one away."""
    from recipeline.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)

    from recipeline.cli.progress import Bars, observer
    from recipeline.runner import run
    from recipeline.training.observer import Observer

    other_rank = int(os.environ.get("LOCAL_RANK", "0")) > 0
    watching = Observer() if quiet or other_rank else observer()
    try:
        result = run(loaded, observer=watching)
    finally:
        if isinstance(watching, Bars):
            watching.close()
    if other_rank:
        return
    if as_json:
        emit_json(result.as_dict())
    else:
        closing(loaded, result)


def closing(recipe: Recipe, result: RunResult) -> None:
    """The numbers that count, and the commands to type next."""
    from recipeline.cli.progress import number

    judged = {name: value for name, value in result.metrics.items() if name.startswith("test/")}
    best = {name: value for name, value in result.metrics.items() if name.startswith("best/")}
    rows = [
        (name, f"{value:.0f}" if name == "best/epoch" else number(value)) for name, value in (judged | best).items()
    ]
    echo()
    table(["metric", "value"], rows, title=f"{recipe.name}: finished in {result.seconds:.1f} s", right=["value"])
    echo(f"run     {result.run_id}")
    echo(f"model   {result.model_uri}")
    echo(f"store   {result.tracking_uri}")
    echo()
    short = result.run_id[:8]
    echo("What to do next")
    steps = [
        ("recipeline ui", "look at curves, figures and parameters"),
        (f"recipeline predict {short} DATA.csv", "answers for raw rows"),
        (f"recipeline compare {short} OTHER_RUN", "what differs, and what it did"),
        (f"mlflow models serve -m {result.model_uri} --env-manager local", "answers over HTTP"),
    ]
    for line, meaning in steps:
        echo(f"  {line:<42} {meaning}")
