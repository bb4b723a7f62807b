"""The JSON schema of a recipe, from the classes of all installed plugins: what an editor completes by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from recipeline.catalog import FAMILIES, Catalog, Entry
from recipeline.errors import RecipelineError
from recipeline.families.documentation import setting_docs
from recipeline.families.plugin import Plugin
from recipeline.recipe import model
from recipeline.recipe.by_name import FAMILY_KEY

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}"
_TEXT_LIMITS = {"enum", "const", "pattern", "format", "minLength", "maxLength"}


def build(catalog: Catalog) -> Schema:
    """The schema of a recipe that may name any plugin of the catalog. Plugins that fail to import are left out."""
    schema = model.Recipe.model_json_schema()
    definitions: Schema = schema.pop("$defs", {})
    sections: list[tuple[Schema, type[BaseModel]]] = [(schema, model.Recipe)]
    sections += [(definition, getattr(model, name)) for name, definition in definitions.items() if hasattr(model, name)]
    for section, cls in sections:
        _document(section, cls)
    _walk(definitions["TrackingSettings"]["properties"], _allow_environment)
    for family in FAMILIES:
        definitions |= _family(catalog, family)
    schema["properties"] = {
        "$schema": {"type": "string", "description": "The schema for editors; ignored."},
        **schema["properties"],
    }
    whole = {"$schema": DIALECT, "title": "recipeline recipe", **schema, "$defs": dict(sorted(definitions.items()))}
    _walk(whole, _refer_to_family)
    return whole


def settings(cls: type[Plugin]) -> Schema:
    """The schema of a plugin's settings alone, with their documentation."""
    schema = cls.model_json_schema()
    _document(schema, cls)
    schema.pop("title", None)
    return schema


def _family(catalog: Catalog, family: str) -> Schema:
    """The definitions of a family: one that takes any of its plugins, and one a plugin."""
    definitions: Schema = {}
    choices: list[Schema] = []
    bare: dict[str, str] = {}
    vendored: dict[str, list[str]] = {}
    for name in catalog.names(family):
        entries = catalog.entries[family, name]
        for entry in entries:
            try:
                cls = entry.load()
                own = settings(cls)
            except (RecipelineError, ImportError, TypeError, ValueError, LookupError, AttributeError):
                continue  # named by `recipeline plugins` and `doctor`; the others must not suffer for it
            written = name if len(entries) == 1 else f"{entry.distribution}/{name}"
            key = f"{family}.{written.replace('/', '.')}"
            if not own.get("required"):
                bare[written] = cls.summary()
                vendored.setdefault(entry.distribution, []).append(re.escape(name))
            choices.append({"$ref": f"#/$defs/{key}"})
            definitions |= _plugin(key, written, own, entry)
    for distribution, names in vendored.items():
        choices.append({"type": "string", "pattern": f"^{re.escape(distribution)}/({'|'.join(names)})$"})
    if bare:
        choices.insert(0, {"enum": list(bare), "enumDescriptions": list(bare.values())})
    definitions[family] = {"anyOf": choices} if choices else {"not": {}, "description": f"No {family} is installed."}
    return definitions


def _plugin(key: str, written: str, own: Schema, entry: Entry) -> Schema:
    """The definition of one plugin as a mapping, and those that it refers to, under names that can't meet others."""
    inner = own.pop("$defs", {})

    def move(schema: Schema) -> None:
        if str(schema.get("$ref", "")).startswith("#/$defs/"):
            schema["$ref"] = f"#/$defs/{key}.{schema['$ref'].removeprefix('#/$defs/')}"

    for part in (own, inner):
        _walk(part, move)
    if entry.family == "source":
        _walk(own.get("properties", {}), _allow_environment)
    names: list[Schema] = [{"const": written}]
    if "/" not in written:
        names.append({"pattern": f"^{re.escape(entry.distribution)}/{re.escape(written)}$"})
    own["properties"] = {
        "type": {"anyOf": names, "description": own.get("description", "").partition("\n")[0]},
        **own.get("properties", {}),
    }
    own["required"] = ["type", *own.get("required", ())]
    return {key: own} | {f"{key}.{name}": schema for name, schema in inner.items()}


def _document(schema: Schema, cls: type[BaseModel]) -> None:
    """Put the documentation where an editor shows it, and take pydantic's invented titles out."""
    schema.pop("title", None)
    schema["description"] = inspect.getdoc(cls) or ""
    docs = setting_docs(cls)
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in docs:
            field["description"] = docs[name]


def _walk(schema: Any, act: Callable[[Schema], None]) -> None:
    """Let `act` change every mapping of a schema, the inner ones first."""
    if isinstance(schema, dict):
        for value in list(schema.values()):
            _walk(value, act)
        act(schema)
    elif isinstance(schema, list):
        for value in schema:
            _walk(value, act)


def _refer_to_family(schema: Schema) -> None:
    family = schema.pop(FAMILY_KEY, None)
    if family is not None:
        schema["$ref"] = f"#/$defs/{family}"


def _allow_environment(schema: Schema) -> None:
    """Let a text that has limits be `${env:NAME}` as well: its limits hold for the variable's value."""
    text = schema.get("type") == "string"
    if not text or not _TEXT_LIMITS & schema.keys() or schema.get("pattern") == _VARIABLE:
        return
    described: Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    limited = dict(schema)
    schema.clear()
    schema["anyOf"] = [limited, {"type": "string", "pattern": _VARIABLE, "description": "From the environment."}]
    schema.update(described)
