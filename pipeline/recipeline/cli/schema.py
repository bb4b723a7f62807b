"""`recipeline schema`: the JSON schema of a recipe, third-party plugins included, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from recipeline.cli.output import echo, note
from recipeline.errors import Problem, UsageError


@click.command(short_help="The JSON schema of a recipe, for editors.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write to FILE, not to stdout.")
def command(output: str | None) -> None:
    """Write the JSON schema of a recipe, made from the plugins that are installed here.

    An editor with a YAML language server completes a recipe by it when its first line is

    \b
      # yaml-language-server: $schema=./recipe.schema.json
    """  # noqa: D301 - \b is click's mark for lines that must not be wrapped
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise UsageError(Problem("there is no such folder", path="-o", found=str(Path(output).parent)))
    from recipeline.catalog import installed
    from recipeline.recipe.json_schema import build

    text = json.dumps(build(installed()), indent=2, ensure_ascii=False)
    if output is None:
        echo(text)
        return
    from recipeline.storage.atomic import write_text

    write_text(Path(output), text + "\n")
    note(f"wrote {output}")
