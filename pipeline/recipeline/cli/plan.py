"""`recipeline plan`: what a run would do, stage by stage; it prepares the data and trains nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from recipeline.cli.output import echo, emit_json, examples, is_terminal, json_option, table
from recipeline.errors import RecipelineError

if TYPE_CHECKING:
    from recipeline.plan import Plan


@click.command(
    epilog=examples("recipeline plan recipe.yaml", "recipeline plan recipe.yaml 'architecture.hidden=[512, 256]'")
)
@click.argument("recipe", metavar="RECIPE")
@click.argument("overrides", metavar="[K=V ...]", nargs=-1)
@json_option
def command(recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show what RECIPE would do: stages, plugins, cache hits, shapes. It prepares the data and keeps it."""
    from recipeline.recipe.load import load, located

    loaded = load(recipe, overrides)

    from recipeline.plan import plan

    try:
        planned = plan(loaded.recipe)
    except RecipelineError as error:
        located(error, loaded)
        raise
    if as_json:
        emit_json(planned.as_dict())
    else:
        show(planned)


def show(planned: Plan) -> None:
    """The plan as tables."""
    table(["stage", "what happens"], planned.stages, title=planned.title)
    echo()
    owners = list(dict.fromkeys(f"{p.distribution} {p.version}" for p in planned.plugins))
    one = is_terminal() and len(owners) == 1  # then its place is the settings'
    rows: list[tuple[Any, ...]] = [
        (p.family, p.name, p.settings, f"{p.distribution} {p.version}")[: 3 if one else 4] for p in planned.plugins
    ]
    table(["family", "plugin", "settings", "from"][: 3 if one else 4], rows)
    if one:
        echo(f"\nAll plugins are from {owners[0]}.")
    if planned.notes:
        echo()
        for note in planned.notes:
            echo(f"note: {note}")
