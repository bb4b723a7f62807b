"""`recipeline plugins`: what is installed and from which distribution, and a plugin's settings as a table."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipeline.cli.output import echo, emit_json, examples, is_terminal, json_option, note, table
from recipeline.cli.plugin_settings import setting_rows
from recipeline.errors import Problem, RecipelineError, UsageError
from recipeline.nearest import did_you_mean

if TYPE_CHECKING:
    from recipeline.catalog import Catalog, Entry
    from recipeline.families.plugin import Plugin

OURS = "recipeline"
"""Our own distribution."""


@click.command(
    short_help="What is installed, and the settings of a plugin.",
    epilog=examples(
        "recipeline plugins",
        "recipeline plugins loss",
        "recipeline plugins optimizer adam",
        "recipeline plugins --from my-plugins --docs docs/plugins",
    ),
)
@click.argument("family", required=False)
@click.argument("name", required=False)
@click.option("--from", "distribution", metavar="DISTRIBUTION", help="Only the plugins of this distribution.")
@click.option(
    "--docs", "folder", metavar="FOLDER", type=click.Path(file_okay=False), help="Write a page for each into FOLDER."
)
@json_option
def command(family: str | None, name: str | None, distribution: str | None, folder: str | None, as_json: bool) -> None:
    """List the plugins, those of a FAMILY, or the settings of the one called NAME.

    With --docs they become pages in Markdown: what each does, its settings, an example, what it goes with.
    """
    from recipeline.catalog import FAMILIES, installed

    catalog = installed()
    entries = _of_distribution(_chosen(catalog, family, name), distribution)
    if folder is not None:
        from recipeline.cli.plugin_pages import pages, write

        made = pages(entries, _loaded(catalog))
        write(made, Path(folder))
        note(f"wrote {len(made)} pages: {Path(folder) / 'README.md'}")
    elif as_json:
        emit_json([document(entry) for entry in entries])
    elif name is not None or family not in (None, *FAMILIES):
        for entry in entries:
            _show(entry, catalog)
    else:
        _list(entries, family)
    for broken in catalog.broken:
        note(
            f"{broken.distribution} {broken.version}: its plugins '{broken.entry_point}' can't be had: {broken.reason}"
        )


def _list(entries: list[Entry], family: str | None) -> None:
    """The plugins, one a row; at a terminal without the columns that would say the same in every row."""
    columns = ["family", "name", "from", "what it does"]
    rows = [[entry.family, entry.name, f"{entry.distribution} {entry.version}", _summary(entry)] for entry in entries]
    owners = {row[2] for row in rows}
    if is_terminal():
        same = ([2] if len(owners) == 1 else []) + ([0] if family is not None else [])
        columns = [column for place, column in enumerate(columns) if place not in same]
        rows = [[cell for place, cell in enumerate(row) if place not in same] for row in rows]
    table(columns, rows)
    if is_terminal():
        echo(
            f"\n{len(rows)} from {' and '.join(sorted(owners))}. Settings and an example of one: "
            f"recipeline plugins {family or 'FAMILY'} NAME"
        )


def document(entry: Entry) -> dict[str, Any]:
    """A plugin for machines: family, name, distribution, version, summary, settings as JSON schema, an example."""
    from recipeline.cli.plugin_pages import example_of
    from recipeline.recipe.json_schema import settings

    known: dict[str, Any] = {
        "family": entry.family,
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
    }
    try:
        cls = entry.load()
    except RecipelineError as error:
        return known | {"summary": "", "settings": None, "error": str(error)}
    return known | {"summary": cls.summary(), "settings": settings(cls), "example": example_of(cls)}


def _chosen(catalog: Catalog, family: str | None, name: str | None) -> list[Entry]:
    """What the arguments ask for: all, a family, or one plugin; a plugin's name alone will do."""
    from recipeline.catalog import FAMILIES

    if family is None:
        return [entry for named in catalog for entry in catalog.entries[named.family, named.name]]
    if family not in FAMILIES:
        alone = [entry for kind in FAMILIES for entry in catalog.entries.get((kind, family), ())]
        if alone and name is None:
            return alone
        near = did_you_mean(family, (*FAMILIES, *{key for _, key in catalog.entries}))
        raise UsageError(
            Problem(f"there is no family {family!r}", suggestion=near or f"There are: {', '.join(FAMILIES)}.")
        )
    if name is not None:
        return [catalog.entry(family, name)]
    return [entry for key in catalog.names(family) for entry in catalog.entries[family, key]]


def _of_distribution(entries: list[Entry], distribution: str | None) -> list[Entry]:
    if distribution is None:
        return entries
    owners = sorted({entry.distribution for entry in entries})
    found = [entry for entry in entries if entry.distribution.lower() == distribution.lower()]
    if not found:
        raise UsageError(
            Problem(
                f"no plugins are from {distribution!r}",
                path="--from",
                suggestion=did_you_mean(distribution, owners) or f"There are some from: {', '.join(owners)}.",
            )
        )
    return found


def _summary(entry: Entry) -> str:
    is_made = entry.target.partition(":")[0] in sys.modules
    found = _written_summary(entry) if entry.distribution == OURS and not is_made else None
    if found is not None:
        return found
    try:
        return entry.load().summary()
    except RecipelineError as error:
        return f"broken: {error.problems[0].message}"


def _written_summary(entry: Entry) -> str | None:
    """The summary as it stands in the source; None where it has to be asked of the class.

    Making a class of settings takes a hundred times as long, and a list of all of them makes them all. Only of our
    own plugins, which are known to import: of others the list says which are broken.
    """
    module, _, name = entry.target.partition(":")
    try:
        spec = importlib.util.find_spec(module)
        text = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin else ""
    except (ImportError, OSError, ValueError):
        return None
    found = re.search(rf'^class {re.escape(name)}\([^\n]*\):\n    """(.+?)(?:"""|\n)', text, re.MULTILINE)
    return found.group(1).strip() if found else None


def _show(entry: Entry, catalog: Catalog) -> None:
    """One plugin: what it does, an example, what it goes with, and its settings."""
    from recipeline.cli.plugin_facts import facts
    from recipeline.cli.plugin_pages import example_of

    cls = entry.load()
    echo(f"{entry.family} {entry.name}   from {entry.distribution} {entry.version}   {entry.target}")
    echo()
    echo(_flowing(inspect.getdoc(cls) or ""))
    if example := example_of(cls):
        echo("\nIn a recipe:")
        echo(textwrap.indent(example, "    "))
    echo()
    for label, text in facts(cls, _loaded(catalog)):
        echo(_hanging(f"{label}: ", text))
    echo()
    rows = setting_rows(cls)
    if rows and is_terminal():
        _show_settings(rows)
    elif rows:
        table(("setting", "type", "default", "range", "meaning"), rows)
    else:
        echo("It has no settings.")


def _show_settings(rows: list[tuple[str, str, str, str, str]]) -> None:
    """The settings for a reader at a terminal, each with its meaning beneath: a table would leave it a narrow strip."""
    for name, kind, default, span, meaning in rows:
        takes = f"{kind} {span}" if span else kind
        echo(_hanging(f"{name}   ", f"{takes}; {default if default == 'required' else f'default {default}'}"))
        echo(textwrap.indent(textwrap.fill(meaning, _width() - 4), "    "))


def _flowing(text: str) -> str:
    """Documentation as wide as the terminal: prose flows, formulas stay as they are."""
    if not is_terminal():
        return text
    paragraphs = [
        paragraph if paragraph.startswith("    ") else textwrap.fill(paragraph, _width())
        for paragraph in re.split(r"\n\s*\n", text)
    ]
    return "\n\n".join(paragraphs)


def _hanging(label: str, text: str) -> str:
    width = _width() if is_terminal() else len(label) + len(text) + 1
    return textwrap.fill(label + text, width, subsequent_indent="    ", break_on_hyphens=False)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 110)


def _loaded(catalog: Catalog) -> list[type[Plugin]]:
    """The classes of all plugins that can be imported."""
    found = []
    for entry in catalog:
        try:
            found.append(entry.load())
        except RecipelineError:
            continue
    return found
