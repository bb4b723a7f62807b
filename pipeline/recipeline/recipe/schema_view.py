"""The JSON schema at a place of a recipe, as far as the place can be known, and in words.

An error is worded from it: `a whole number of at least 1, or 'full'` is what the schema of `training.batch_size` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recipeline.catalog import Catalog
from recipeline.errors import RecipelineError
from recipeline.families.plugin import Plugin
from recipeline.recipe.by_name import FAMILY_KEY
from recipeline.recipe.node import Node, Path

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What may stand at one place: the schema, and whose it is."""

    schema: Schema
    definitions: Schema
    catalog: Catalog
    owner: type[Plugin] | None = None
    """The plugin whose setting this is, or which stands here."""
    family: str | None = None
    """The family of which a plugin stands here."""

    @classmethod
    def of_recipe(cls, catalog: Catalog) -> View:
        """The whole recipe."""
        from recipeline.recipe.model import Recipe

        schema = Recipe.model_json_schema()
        return cls(schema, schema.get("$defs", {}), catalog)

    def branches(self, node: Node | None) -> Iterator[View]:
        """Each of the alternatives, references followed; the plugin's own schema where one stands."""
        schema = self.schema
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if alternatives:
            for one in alternatives:
                yield from self._with(one).branches(node)
        elif FAMILY_KEY in schema:
            yield self._plugin(str(schema[FAMILY_KEY]), schema, node)
        else:
            yield self._with(schema)

    def step(self, key: str | int, node: Node | None) -> View | None:
        """One step down; `node` is what stands here, by which a plugin is known."""
        for branch in self.branches(node):
            schema = branch.schema
            below: Any = None
            if isinstance(key, str):
                below = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            else:
                first = schema.get("prefixItems", ())
                below = first[key] if key < len(first) else schema.get("items")
            if isinstance(below, Mapping):
                return branch._with(below)
        return None

    def at(self, path: Path, root: Node | None) -> View | None:
        """The view at the end of a path."""
        view: View | None = self
        node = root
        for key in path:
            if view is None:
                return None
            view = view.step(key, node)
            node = node.step(key) if node is not None else None
        return view

    def settings(self, node: Node | None) -> list[str]:
        """The keys that may stand here."""
        return [name for branch in self.branches(node) for name in branch.schema.get("properties", ())]

    def expected(self, node: Node | None) -> str:
        """What may stand here, in words; empty when anything may."""
        found: dict[str, None] = {}
        for branch in self.branches(node):
            schema = branch.schema
            if "const" in schema or "enum" in schema:
                found |= dict.fromkeys(word(value) for value in schema.get("enum") or [schema["const"]])
            elif schema.get("type") == "boolean":
                found |= {"true": None, "false": None}
            elif schema.get("type") != "null":
                found[branch._words(node)] = None
        return either([words for words in found if words])

    def choices(self, node: Node | None) -> list[str]:
        """The words of which one may stand here."""
        found = [v for b in self.branches(node) for v in (b.schema.get("enum") or [b.schema.get("const")])]
        return [value for value in found if isinstance(value, str)]

    def _with(self, schema: Schema) -> View:
        return View(schema, self.definitions, self.catalog, self.owner)

    def _plugin(self, family: str, schema: Schema, node: Node | None) -> View:
        named = node.step("type") if node is not None and isinstance(node.content, dict) else node
        if named is not None and isinstance(named.content, str):
            try:
                cls = self.catalog.entry(family, named.content).load()
                own = cls.model_json_schema()
            except RecipelineError:
                pass
            else:
                return View(own, own.get("$defs", {}), self.catalog, cls, family)
        return View(schema, self.definitions, self.catalog, None, family)

    def _words(self, node: Node | None) -> str:
        schema, kind = self.schema, self.schema.get("type")
        if self.family is not None:
            return f"the name of {article(self.family)} {self.family}, or a mapping with its `type`"
        if kind in ("integer", "number"):
            return ("a whole number" if kind == "integer" else "a number") + _range(schema)
        if kind == "string":
            return _length(schema)
        if kind == "array":
            return self._list_words()
        if kind == "object":
            values = schema.get("additionalProperties")
            of = self._with(values).expected(None) if isinstance(values, Mapping) else ""
            return f"a mapping from names to {of}" if of else "a mapping"
        return ""

    def _list_words(self) -> str:
        schema = self.schema
        items = schema.get("items")
        of = self._with(items).expected(None) if isinstance(items, Mapping) else ""
        count = ""
        if schema.get("minItems"):
            least = schema["minItems"]
            count = f" with at least {least} {'entry' if least == 1 else 'entries'}"
        if "maxItems" in schema:
            count += f" with at most {schema['maxItems']} entries"
        return f"a list{count}" + (f", each {of}" if of else "")


def word(value: Any) -> str:
    """A value as it would be typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else repr(value)


def either(words: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def article(noun: str) -> str:
    """`a` or `an`."""
    return "an" if noun[:1] in "aeiou" else "a"


def _range(schema: Schema) -> str:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if "multipleOf" in schema:
        return f" that is a multiple of {schema['multipleOf']}"
    low = f" of at least {least}" if least is not None else f" above {above}" if above is not None else ""
    high = f" at most {most}" if most is not None else f" below {below}" if below is not None else ""
    return f"{low} and{high}" if low and high else low or (f" of{high}" if most is not None else high)


def _length(schema: Schema) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    low = " that is not empty" if least == 1 else f" of at least {least} characters" if least else ""
    high = f" of at most {most} characters" if most is not None else ""
    return f"text{low}{high}" + (f" like {schema['pattern']}" if "pattern" in schema else "")
