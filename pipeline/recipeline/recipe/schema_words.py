"""A JSON schema in a few words, as a table of settings has room for: its type, its range."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from recipeline.recipe.by_name import FAMILY_KEY

Schema = Mapping[str, Any]

_KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false", "null": "null"}


def kind(schema: Schema, definitions: Schema) -> str:
    """What may stand there: `whole number`, `text or null`, `relu, gelu or tanh`, `list of text`."""
    words = list(dict.fromkeys(_kind(branch, definitions) for branch in branches(schema, definitions)))
    return " or ".join(words)


def span(schema: Schema, definitions: Schema) -> str:
    """The limits of numbers and the sizes of lists and texts; empty when there are none."""
    return "; ".join(dict.fromkeys(filter(None, (_span(branch) for branch in branches(schema, definitions)))))


def branches(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """The alternatives of a schema, references followed."""
    while "$ref" in schema:
        schema = definitions[str(schema["$ref"]).rpartition("/")[2]]
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for one in alternatives:
        yield from branches(one, definitions)
    if not alternatives:
        yield schema


def _kind(schema: Schema, definitions: Schema) -> str:
    if FAMILY_KEY in schema:
        return f"{schema[FAMILY_KEY]}"
    if "const" in schema or "enum" in schema:
        return ", ".join(_choice(value) for value in schema.get("enum") or [schema["const"]])
    name = schema.get("type")
    if name == "array":
        items = schema.get("items")
        return f"list of {_several(items, definitions)}" if isinstance(items, Mapping) and items else "list"
    if name == "object":
        values = schema.get("additionalProperties")
        if schema.get("properties"):
            return f"mapping of {', '.join(schema['properties'])}"
        return f"mapping to {_several(values, definitions)}" if isinstance(values, Mapping) else "mapping"
    return _KINDS.get(str(name), "anything")


def _several(schema: Schema, definitions: Schema) -> str:
    """What each entry is, in the plural where that is a word."""
    one = kind(schema, definitions)
    return {"text": "texts", "number": "numbers", "whole number": "whole numbers"}.get(one, one)


def _choice(value: Any) -> str:
    """A word as it is; what would be lost between commas in quotes."""
    if value is None:
        return "null"
    text = str(value)
    return text if any(sign.isalnum() for sign in text) else json.dumps(text)


def _span(schema: Schema) -> str:
    names = (
        ("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"),
        ("multipleOf", "multiple of {}"), ("pattern", "like {}"),
    )  # fmt: skip
    own = [form.format(schema[key]) for key, form in names if key in schema]
    own += [size for kind in ("Items", "Length") if (size := _size(schema, kind))]
    items = schema.get("items")
    inner = _span(items) if isinstance(items, Mapping) else ""
    return ", ".join([*own, f"each {inner}"] if inner else own)


def _size(schema: Schema, of: str) -> str:
    """How many entries or characters: `2 entries`, `≥ 1 character`, `1 to 8 entries`; empty when any number will do."""
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    last = most if most is not None else least
    if last is None:
        return ""
    one, several = ("entry", "entries") if of == "Items" else ("character", "characters")
    unit = one if last == 1 else several
    if least == most:
        return f"{last} {unit}"
    if least and most is not None:
        return f"{least} to {most} {unit}"
    return f"≤ {most} {unit}" if most is not None else f"≥ {least} {unit}"
