"""`recipeline plugins`: what is installed and from which distribution, and a plugin's settings as a table."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import click

from recipeline.cli.output import echo, emit_json, examples, json_option, note, table
from recipeline.errors import Problem, RecipelineError, UsageError
from recipeline.nearest import did_you_mean

if TYPE_CHECKING:
    from recipeline.catalog import Catalog, Entry


@click.command(
    short_help="What is installed, and the settings of a plugin.",
    epilog=examples("recipeline plugins", "recipeline plugins loss", "recipeline plugins optimizer adam"),
)
@click.argument("family", required=False)
@click.argument("name", required=False)
@json_option
def command(family: str | None, name: str | None, as_json: bool) -> None:
    """List the plugins, those of a FAMILY, or the settings of the one called NAME."""
    from recipeline.catalog import FAMILIES, installed

    catalog = installed()
    entries = _chosen(catalog, family, name)
    if as_json:
        emit_json([document(entry) for entry in entries])
    elif name is not None or family not in (None, *FAMILIES):
        for entry in entries:
            _show(entry)
    else:
        rows = [
            (entry.family, entry.name, f"{entry.distribution} {entry.version}", _summary(entry)) for entry in entries
        ]
        table(("family", "name", "from", "what it does"), rows)
    for broken in catalog.broken:
        note(
            f"{broken.distribution} {broken.version}: its plugins '{broken.entry_point}' can't be had: {broken.reason}"
        )


def document(entry: Entry) -> dict[str, Any]:
    """A plugin for machines: family, name, distribution, version, summary, settings as JSON schema."""
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
    return known | {"summary": cls.summary(), "settings": settings(cls)}


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


def _summary(entry: Entry) -> str:
    try:
        return entry.load().summary()
    except RecipelineError as error:
        return f"broken: {error.problems[0].message}"


def _show(entry: Entry) -> None:
    """One plugin: what it does, whose it is, and a table of its settings."""
    cls = entry.load()
    echo(f"{entry.family} {entry.name}   from {entry.distribution} {entry.version}   {entry.target}")
    echo()
    echo(inspect.getdoc(cls) or "")
    for label, names in (
        ("tasks", getattr(cls, "tasks", ())),
        ("needs", cls.requires),
        ("not together with", cls.conflicts),
    ):
        if names:
            echo(f"\n{label}: {', '.join(sorted(names))}")
    echo()
    rows = setting_rows(entry)
    if rows:
        table(("setting", "type", "default", "range", "meaning"), rows)
    else:
        echo("It has no settings.")


def setting_rows(entry: Entry) -> list[tuple[str, str, str, str, str]]:
    """The settings of a plugin, one a row: name, type, default, range, meaning."""
    from recipeline.recipe.json_schema import settings
    from recipeline.recipe.schema_words import kind, span

    schema = settings(entry.load())
    definitions = schema.get("$defs", {})
    required = schema.get("required", ())
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else json.dumps(field.get("default"), ensure_ascii=False)
        meaning = " ".join(str(field.get("description", "")).split())
        rows.append((name, kind(field, definitions), default, span(field, definitions), meaning))
    return rows
