"""A few lines of a recipe as they stand in documentation, made whole and checked.

What they leave out is put in: a name, data for a task that the lines suit, a network. Nothing is read but the lines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.catalog import Catalog, Entry, installed
from recipeline.errors import RecipeError
from recipeline.families.plugin import Plugin
from recipeline.families.spec import TASKS
from recipeline.recipe.checks import named
from recipeline.recipe.load import parse
from recipeline.testing.promises import broken, holds

if TYPE_CHECKING:
    from recipeline.recipe.model import Recipe

DATA = {
    "multiclass": "{source: {type: sample, dataset: penguins}, target: species, task: multiclass}",
    "binary": "{source: {type: sample, dataset: breast_cancer}, target: diagnosis, task: binary}",
    "regression": "{source: {type: sample, dataset: diabetes}, target: progression, task: regression}",
    "multilabel": "{source: {type: csv, path: films.csv}, target: [comedy, drama], task: multilabel}",
    "forecasting": "{source: {type: windows, of: {type: sample, dataset: sunspots}, time: year, value: sunspots}, "
    "target: t+1, task: forecasting, split: {type: time, column: year}}",
    "sequence": "{source: {type: csv, path: sounds.csv}, target: sound, task: sequence, columns: {spelling: text}}",
}
"""What a recipe for each task learns from."""
NETWORKS = {"forecasting": "gru", "sequence": "transformer"}


def whole(lines: str, tasks: Collection[str] = (), catalog: Catalog | None = None) -> Recipe:
    """The recipe that these lines are a part of.

    Args:
        lines: YAML from a recipe's top level.
        tasks: Those that the lines are for; the first one counts for which they make a valid recipe.
        catalog: The plugins that may be named; by default the installed ones.

    Raises:
        RecipeError: for none of the tasks they do; what is wrong for the first.
    """
    first: RecipeError | None = None
    for text in _texts(lines, [task for task in DATA if not tasks or task in tasks] or list(DATA)):
        try:
            return parse(text, "example", catalog=catalog, folder=Path(), variables={}).recipe
        except RecipeError as error:
            first = first or error
    assert first is not None
    raise first


def _texts(lines: str, tasks: Collection[str]) -> Iterator[str]:
    there = set(re.findall(r"^(\w+):", lines, re.MULTILINE))
    name = [] if "name" in there else ["name: example"]
    for task in tasks:
        data = [] if "data" in there else [f"data: {DATA[task]}"]
        network = [] if "architecture" in there else [f"architecture: {NETWORKS.get(task, 'mlp')}"]
        yield "\n".join([lines.rstrip(), *name, *data, *network, ""])


def check_example(cls: type[Plugin]) -> None:
    """Check that a plugin's example is a valid recipe, its gaps filled, and that the plugin is in it."""
    import inspect

    if not cls.example:
        return
    tasks = {str(task) for task in getattr(cls, "tasks", ())}
    if "regression" in tasks:
        tasks.add("forecasting")
    try:
        recipe = whole(inspect.cleandoc(cls.example), tasks & set(TASKS), _with(cls))
    except RecipeError as error:
        raise broken(cls, "has an example that is a part of a valid recipe", error) from error
    there = {(plugin.family, plugin.plugin_name) for _, plugin in named(recipe)}
    holds((cls.family, cls.plugin_name) in there, cls, "is named in its example", cls.example.strip())


def _with(cls: type[Plugin]) -> Catalog:
    """The installed plugins and this one, which may not be installed yet."""
    catalog = installed()
    key = (cls.family, cls.plugin_name)
    if key in catalog.entries:
        return catalog
    own = Entry(*key, cls.__module__.partition(".")[0], "0", cls)
    return Catalog(catalog.manager, {**catalog.entries, key: [own]}, catalog.broken)
