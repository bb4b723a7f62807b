"""From a file to a checked recipe, with everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from pydantic import ValidationError

from recipeline import secrecy
from recipeline.catalog import Catalog, installed
from recipeline.errors import Problem, RecipeError, RecipelineError, UsageError
from recipeline.recipe import checks, environment, overrides
from recipeline.recipe.model import Recipe
from recipeline.recipe.node import Node, Path, Place, dotted, problem_at
from recipeline.recipe.read import decode, read, read_file


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recipe and what it was made of."""

    recipe: Recipe
    text: str
    """The file's text, overrides not in it."""
    sha256: str
    """Of the text as UTF-8."""
    root: Node
    """The settings with their places, overrides put in."""


def load_recipe(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), *, catalog: Catalog | None = None
) -> Recipe:
    """Read a recipe and check it.

    Args:
        path: The YAML file.
        overrides: Changes such as `optimizer.lr=0.01`, `preprocessing.1.strategy=mean`, `~scheduler`.
        catalog: The plugins that it may name; by default the installed ones.

    Returns:
        The recipe. What it leaves open is None until the data is known.

    Raises:
        RecipeError: everything that is wrong with it, in the order of the file and then of the overrides.
    """
    return load(path, overrides, catalog=catalog).recipe


def load(path: str | os.PathLike[str], overrides: Sequence[str] = (), *, catalog: Catalog | None = None) -> Loaded:
    """As `load_recipe`, together with the text, its digest and the settings' places."""
    if isinstance(overrides, str):
        raise UsageError(Problem("overrides are a list of texts", found=repr(overrides)))
    file = FilePath(path)
    loaded = parse(read_file(file), str(path), overrides, catalog=catalog, folder=file.parent)
    loaded.recipe.stands_in(file.absolute(), loaded.text)
    return loaded


def parse(
    text: str,
    name: str,
    changes: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
    folder: FilePath | None = None,
    variables: Mapping[str, str] | None = None,
) -> Loaded:
    """A recipe from its text.

    Args:
        text: YAML.
        name: What errors call the text: the file's name.
        changes: Overrides.
        catalog: The plugins that it may name; by default the installed ones.
        folder: Where relative paths in it start from.
        variables: The environment for `${env:NAME}`; by default this process's.
    """
    plugins = catalog or installed()
    root = read(decode(text.encode("utf-8", "surrogatepass"), name), name)
    assert isinstance(root.content, dict)
    root.content.pop("$schema", None)
    for written in (text, *changes):
        secrecy.remember_addresses(written)
    problems = overrides.apply(root, changes)
    problems += environment.interpolate(root, variables)
    secrecy.remember(environment.values_of(root, variables))
    recipe, wrong = _validate(root, plugins, folder)
    problems += wrong
    if recipe is not None and not problems:
        problems = [_placed(finding, root) for finding in checks.check(recipe, plugins)]
    if problems or recipe is None:
        raise RecipeError(*_sorted(problems, name))
    recipe.remember(text, environment.written_values(root))
    return Loaded(recipe, text, hashlib.sha256(text.encode()).hexdigest(), root)


def located(error: RecipelineError, loaded: Loaded) -> None:
    """Put file, line and column to what was found wrong with a loaded recipe later, when its data was seen."""
    error.problems = [_located(problem, loaded.root) for problem in error.problems]
    error.args = ("\n".join(str(problem) for problem in error.problems),)


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
"""One step of a path such as `preprocessing[1].strategy`."""


def _located(problem: Problem, root: Node) -> Problem:
    path = tuple(int(index) if index else key for index, key in _STEP.findall(problem.path))
    if problem.file is not None or not path or path[0] not in Recipe.model_fields:
        return problem
    place = _place(path, root)
    return replace(problem, file=place.source, line=place.line, column=place.column)


def _validate(root: Node, catalog: Catalog, folder: FilePath | None) -> tuple[Recipe | None, list[Problem]]:
    context = {"catalog": catalog, "folder": folder}
    try:
        return Recipe.model_validate(root.plain(), context=context), []
    except ValidationError as error:
        from recipeline.recipe import wording

        return None, wording.problems(error, root, catalog)


def _placed(finding: checks.Finding, root: Node) -> Problem:
    """A finding at the setting that it is about, or at the nearest one that is written."""
    place = _place(finding.path, root)
    return problem_at(
        place, finding.message, path=dotted(finding.path), suggestion=finding.suggestion, found=finding.found
    )


def _place(path: Path, root: Node) -> Place:
    """Where the setting stands, or the nearest one that is written."""
    node, _ = root.nearest(path)
    return node.key if node.key is not None and isinstance(node.content, dict | list) else node.place


def _sorted(problems: Sequence[Problem], name: str) -> list[Problem]:
    """In the order of the file; what overrides have done comes after it, in their order."""
    unique = list(dict.fromkeys(problems))
    inside = sorted((p for p in unique if p.file == name), key=lambda p: (p.line or 0, p.column or 0, p.path))
    return inside + [p for p in unique if p.file != name]
