"""The settings of a plugin in words, one a row: name, type, default, range, meaning."""

from __future__ import annotations

import json

from recipeline.families.plugin import Plugin


def setting_rows(cls: type[Plugin]) -> list[tuple[str, str, str, str, str]]:
    """Name, type, default, range and meaning of each setting, as text; a default as it would be typed."""
    from recipeline.recipe.json_schema import settings
    from recipeline.recipe.schema_words import kind, span

    schema = settings(cls)
    definitions = schema.get("$defs", {})
    required = schema.get("required", ())
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else json.dumps(field.get("default"), ensure_ascii=False)
        meaning = " ".join(str(field.get("description", "")).split())
        rows.append((name, kind(field, definitions), default, span(field, definitions), meaning))
    return rows
