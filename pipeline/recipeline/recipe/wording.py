"""From pydantic's errors to our words: where in the file, what is wrong, what was found, what would be right.

pydantic reports one error for each alternative of a union, places errors by Python's types and speaks of Python. Here
each mistake becomes one problem, placed where the reader wrote it, and worded from the JSON schema of that place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recipeline.catalog import Catalog
from recipeline.errors import Problem
from recipeline.nearest import did_you_mean
from recipeline.recipe.belongs import belongs
from recipeline.recipe.node import Node, Path, dotted, problem_at, shown
from recipeline.recipe.scalars import resolve
from recipeline.recipe.schema_view import View, article

MAX_PROBLEMS = 50


@dataclass(slots=True)
class _Error:
    """One of pydantic's errors, its location split into what is in the recipe and what names an alternative."""

    details: ErrorDetails
    path: Path
    """Where in the recipe: for a missing or unknown setting its key is the last step."""
    union: Path | None = None
    """Where the outermost union stands, of which this is about one alternative."""
    branch: str = ""
    """pydantic's name of the alternative."""

    @property
    def kind(self) -> str:
        return self.details["type"]


@dataclass(slots=True)
class _Words:
    """Writes the problems of one recipe."""

    root: Node
    catalog: Catalog
    view: View = field(init=False)

    def __post_init__(self) -> None:
        self.view = View.of_recipe(self.catalog)

    def problems(self, errors: Sequence[_Error]) -> list[Problem]:
        unions: dict[Path, list[_Error]] = {}
        alone: list[_Error] = []
        for error in errors:
            if error.union is None:
                alone.append(error)
            else:
                unions.setdefault(error.union, []).append(error)
        found = [self.problem(error) for error in _without_echoes(alone)]
        for path, group in unions.items():
            # An alternative whose shape fits, and which is wrong only further inside, is the one that was meant.
            deeper = {e.branch for e in group} - {e.branch for e in group if len(e.path) <= len(path)}
            if deeper:
                found += [self.problem(error) for error in group if error.branch == min(deeper)]
            else:
                found.append(self.unfit(path, group[0]))
        return found

    def problem(self, error: _Error) -> Problem:
        if error.kind == "missing":
            return self.missing(error.path)
        if error.kind == "extra_forbidden":
            return self.unknown(error.path)
        if error.kind in ("plugin_name", "plugin_fault"):
            return self.plugin(error)
        if error.kind == "plugin_type":
            return self.untyped(error)
        if error.kind in ("value_error", "assertion_error"):
            return self.refused(error)
        return self.unfit(error.path, error)

    def missing(self, path: Path) -> Problem:
        """A setting that must be there and isn't: placed at the mapping that lacks it."""
        parent, _ = self.root.nearest(path[:-1])
        owner = self.view.at(path[:-1], self.root)
        name = str(path[-1])
        says = " ".join(_docs(owner, parent).get(name, "").split())
        return problem_at(
            parent.key or parent.place,
            f"{self.label(path[:-1])} needs the setting {shown(name)}",
            path=dotted(path),
            suggestion=f"It says: {says[:1].lower()}{says[1:]}" if says else None,
        )

    def unknown(self, path: Path) -> Problem:
        """A key that nobody reads: perhaps misspelled, perhaps at home elsewhere."""
        parent, _ = self.root.nearest(path[:-1])
        node, _ = self.root.nearest(path)
        owner = self.view.at(path[:-1], self.root)
        names = owner.settings(parent) if owner is not None else []
        if any(view.owner is not None for view in (owner.branches(parent) if owner else ())):
            names = [*names, "type"]
        name = str(path[-1])
        advice = did_you_mean(name, names) or belongs(name, path, self.root, self.view)
        if advice is None:
            listed = [known for known in names if known != "type"]
            advice = f"There are: {', '.join(listed)}." if listed else "It has no settings." if names else None
        return problem_at(
            node.key or node.place,
            f"{self.label(path[:-1])} has no setting {shown(name)}",
            path=dotted(path),
            suggestion=advice,
        )

    def plugin(self, error: _Error) -> Problem:
        """A name that the catalog doesn't know, or a plugin that can't be had."""
        context = error.details.get("ctx", {})
        node, _ = self.root.nearest(error.path)
        named = node.step("type") or node
        path = (*error.path, "type") if isinstance(node.content, dict) else error.path
        return problem_at(
            named.place,
            str(context.get("message", "")),
            path=dotted(path),
            suggestion=str(context.get("suggestion") or "") or None,
        )

    def untyped(self, error: _Error) -> Problem:
        """A mapping where a plugin should be, without the plugin's name."""
        node, _ = self.root.nearest(error.path)
        family = str(error.details.get("ctx", {}).get("family", "plugin"))
        keys = list(node.content) if isinstance(node.content, dict) else []
        typed = node.step("type")
        near = [key for key in keys if key != "type" and did_you_mean(key, ["type"])]
        one = node.step(keys[0]) if len(keys) == 1 else None
        if typed is not None:
            advice: str | None = f"The name of {article(family)} {family} is text."
        elif near:
            advice = f"Did you mean 'type' by {shown(near[0])}?"
        elif one is not None and self.catalog.entries.get((family, keys[0])):
            advice = f"Write type: {keys[0]} with its settings beside it."
        else:
            advice = f"See: recipeline plugins {family}"
        return problem_at(
            (typed or node).place,
            f"the mapping needs a `type`, the name of {article(family)} {family}",
            path=dotted((*error.path, "type") if typed is not None else error.path),
            found=_found(typed) if typed is not None else None,
            suggestion=advice,
        )

    def refused(self, error: _Error) -> Problem:
        """What a plugin's own check has to say."""
        node, _ = self.root.nearest(error.path)
        reason = error.details.get("ctx", {}).get("error", error.details["msg"])
        sentence, _, advice = (" ".join(str(reason).split()) or "this is refused").partition(". ")
        found = _found(node) if not isinstance(node.content, dict | list) and len(error.path) else None
        return problem_at(
            node.place,
            sentence.rstrip("."),
            path=dotted(error.path),
            found=None if found is not None and found in sentence else found,
            suggestion=f"{advice.rstrip('.')}." if advice else None,
        )

    def unfit(self, path: Path, error: _Error) -> Problem:
        """A value of the wrong kind, or out of its range."""
        node, taken = self.root.nearest(path)
        view = self.view.at(path, self.root) if taken == len(path) else None
        expected = view.expected(node) if view is not None else ""
        if error.kind == "finite_number":
            expected = expected.replace("a number", "a finite number", 1) or "a finite number"
        message = f"expected {expected}" if expected else _pydantic(error)
        secret = view is not None and any(branch.schema.get("writeOnly") for branch in view.branches(node))
        return problem_at(
            node.place,
            message,
            path=dotted(path),
            found=None if secret else _found(node),
            suggestion=_advice(node, view) if view is not None else None,
        )

    def label(self, path: Path) -> str:
        """Who has no such setting: a recipe, a section, a plugin."""
        if not path:
            return "a recipe"
        node, _ = self.root.nearest(path)
        view = self.view.at(path, self.root)
        for branch in view.branches(node) if view is not None else ():
            if branch.owner is not None and branch.family is not None:
                return repr(branch.owner.plugin_name)
        return f"'{dotted(path)}'"


def problems(error: ValidationError, root: Node, catalog: Catalog) -> list[Problem]:
    """Every mistake of a recipe once, in words."""
    words = _Words(root, catalog)
    details = error.errors(include_url=False)
    found = words.problems([_locate(one, root) for one in details[: 4 * MAX_PROBLEMS]])
    secrets = {str(node.content): str(node.written) for _, node in root.walk() if node.environment and node.content}
    if secrets:
        found = [_redact(problem, secrets) for problem in found]
    return list(dict.fromkeys(found))[:MAX_PROBLEMS]


def _locate(details: ErrorDetails, root: Node) -> _Error:
    """Which steps of the location are in the recipe. What isn't names an alternative of a union, or is missing."""
    node: Node | None = root
    path: list[str | int] = []
    union: Path | None = None
    branch = ""
    location = details["loc"]
    for position, key in enumerate(location):
        below = node.step(key) if node is not None else None
        if below is not None:
            node = below
            path.append(key)
        elif key == "[key]":
            break
        elif details["type"] == "missing" and position == len(location) - 1:
            path.append(key)
        elif union is None:
            union, branch = tuple(path), str(key)
    return _Error(details, tuple(path), union, branch)


def _without_echoes(errors: list[_Error]) -> list[_Error]:
    """Leave out what is missing only because it is misspelled: the misspelling is reported."""
    unknown = [error for error in errors if error.kind == "extra_forbidden"]
    kept = []
    for error in errors:
        beside = [str(u.path[-1]) for u in unknown if u.path[:-1] == error.path[:-1]]
        if error.kind != "missing" or not any(did_you_mean(name, [str(error.path[-1])]) for name in beside):
            kept.append(error)
    return kept


def _docs(view: View | None, node: Node) -> dict[str, str]:
    """What the settings of a place say of themselves."""
    from recipeline.families.documentation import setting_docs
    from recipeline.recipe import model

    for branch in view.branches(node) if view is not None else ():
        cls: type[BaseModel] | None = branch.owner if branch.family is not None else None
        cls = cls or getattr(model, str(branch.schema.get("title", "")), None)
        if isinstance(cls, type) and issubclass(cls, BaseModel):
            return setting_docs(cls)
    return {}


def _found(node: Node) -> str:
    """What stands there, as it is written; of the environment only the variable's name."""
    if isinstance(node.content, dict | list):
        return shown(node.content)
    if node.environment:
        return shown(node.written)
    if isinstance(node.content, int | float) and not isinstance(node.content, bool) and node.written:
        return shown(node.written).strip("'")
    return shown(node.content)


def _advice(node: Node, view: View) -> str | None:
    """What was probably meant by a value of the wrong kind."""
    if node.environment or isinstance(node.content, dict | list) or len(str(node.written or "")) > 40:
        return None
    kinds = {str(branch.schema.get("type")) for branch in view.branches(node)}
    if isinstance(node.content, str):
        return did_you_mean(node.content, view.choices(node)) or _advice_on_text(node.content, node.quoted, kinds)
    choices = view.choices(node)
    near = [choice for choice in choices if node.written and choice.startswith(f"{node.written}-")]
    if near:
        return f"Did you mean {near[0]!r}?"
    if "string" in kinds and not choices and isinstance(node.content, int | float) and node.written:
        return f"Write it in quotes: '{node.written}'."
    if "integer" in kinds and isinstance(node.content, float) and node.content.is_integer():
        return f"Write {int(node.content)}."
    if "array" in kinds and node.written:
        return f"Write [{node.written}]."
    return None


_YES, _NO = {"yes", "on", "y"}, {"no", "off", "n"}


def _advice_on_text(text: str, quoted: bool, kinds: set[str]) -> str | None:
    """What was probably meant by a text where there should be none."""
    if "boolean" in kinds and text.lower() in _YES | _NO:
        return f"Write {'true' if text.lower() in _YES else 'false'}."
    if kinds & {"integer", "number"} and _number(text):
        return f"Write it without quotes: {text}." if quoted else f"Write {_cleaned(text)}."
    if "array" in kinds and text:
        return f"Write [{repr(text) if quoted else text}]."
    return None


def _cleaned(text: str) -> str:
    """A number as other languages write it, as YAML does."""
    return text.replace("_", "").replace(",", ".")


def _number(text: str) -> bool:
    """Whether a text is a number but for its quotes, `_` or a decimal comma."""
    try:
        return any(character.isdigit() for character in text) and isinstance(resolve(_cleaned(text)), int | float)
    except ValueError:
        return False


def _pydantic(error: _Error) -> str:
    """Pydantic's own words, where the schema has none."""
    text = " ".join(str(error.details["msg"]).split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _redact(problem: Problem, secrets: dict[str, str]) -> Problem:
    """The problem with `${env:NAME}` wherever a value from the environment would show."""
    from dataclasses import replace

    texts: dict[str, Any] = {}
    for name in ("message", "found", "suggestion"):
        text = cast("str | None", getattr(problem, name))
        for value, written in sorted(secrets.items(), key=lambda pair: -len(pair[0])):
            for form in {value, shown(value), shown(value)[1:-1], repr(value)[1:-1]}:
                text = text.replace(form, written) if text and form else text
        texts[name] = text
    return replace(problem, **texts)
