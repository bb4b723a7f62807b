"""`recipeline validate`: everything that is wrong with recipes, at once, by file, line and column."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from recipeline.cli.output import echo, emit_json, examples, json_option, problem_document
from recipeline.errors import Problem, UserError


@click.command(
    short_help="Check recipes: all errors at once, by file, line and column.",
    epilog=examples("recipeline validate recipes/*.yaml", "recipeline validate r.yaml optimizer.lr=0.01 ~scheduler"),
)
@click.argument("arguments", metavar="RECIPE... [K=V ...]", nargs=-1, required=True)
@click.option("--set", "changes", metavar="K=V", multiple=True, help="Change a setting first; ~K takes one away.")
@json_option
def command(arguments: tuple[str, ...], changes: tuple[str, ...], as_json: bool) -> int:
    """Check every RECIPE and say all that is wrong with it. No data is read and nothing is trained."""
    from recipeline.recipe.load import load_recipe

    recipes, trailing = _divide(arguments)
    problems: list[Problem] = []
    code = 0
    for path in recipes:
        try:
            load_recipe(path, (*changes, *trailing))
        except UserError as error:
            problems += error.problems
            code = error.exit_code
        else:
            if not as_json:
                echo(f"{path}: ok")
    if as_json:
        emit_json([problem_document(problem) for problem in problems])
    else:
        sys.stdout.flush()
        for problem in problems:
            click.echo(str(problem), err=True)
    return code


def _divide(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The recipes and the overrides: an argument with `=` or a leading `~` is an override unless such a file exists."""
    recipes: list[str] = []
    changes: list[str] = []
    for argument in arguments:
        is_change = argument.startswith("~") or "=" in argument
        (changes if is_change and not os.path.exists(argument) else recipes).append(argument)  # noqa: PTH110 - pathlib
        # refuses what a shell can pass, such as a name of 10,000 letters
    if not recipes:
        raise click.UsageError("no RECIPE is given, only overrides", click.get_current_context())
    return recipes, changes
