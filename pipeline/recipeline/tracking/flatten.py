"""A recipe as flat params: one short value a setting, so that MLflow's compare view shows just what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from recipeline.families.plugin import Plugin
from recipeline.recipe.model import Recipe
from recipeline.tracking.keys import legal_key

Flat = str | int | float | bool

NONE = "none"
"""What stands for an open setting or an empty list: a search for it finds the runs without."""


def flat_params(recipe: Recipe) -> dict[str, Flat]:
    """The settings of a recipe that decide what is trained, by dotted key.

    A plugin is its name under its place (`optimizer`) and its settings below that (`optimizer.lr`). A list of
    plugins is their names in order (`preprocessing`) and each one's settings below its name
    (`preprocessing.impute.strategy`); a second one of a name is `impute_2`. The recipe's name and description are
    the run's, and where it is tracked and when checkpoints are made is no part of what is trained: these are left out.
    """
    params: dict[str, Flat] = {"seed": recipe.seed}
    if recipe.data.task != "auto":
        params["task"] = recipe.data.task
    params["data.source"] = recipe.redact(recipe.data.source.location())
    params["data.source.type"] = recipe.data.source.plugin_name
    _settings(params, "data.source", recipe.data.source, leave=("path",))
    params["data.target"] = _text(recipe.targets)
    for column, role in sorted(recipe.data.columns.items()):
        params[f"data.columns.{column}"] = role
    _plugin(params, "data.split", recipe.data.split)
    _plugins(params, "preprocessing", recipe.preprocessing or [])
    _plugin(params, "architecture", recipe.architecture)
    _plugin(params, "loss", recipe.loss)
    _plugin(params, "optimizer", recipe.optimizer)
    _plugin(params, "scheduler", recipe.scheduler)
    _plugins(params, "regularization", recipe.regularization)
    _plugins(params, "metrics", recipe.metrics or [])
    for name, value in recipe.training.model_dump(mode="json", exclude={"checkpoint"}).items():
        params[f"training.{name}"] = _text(value)
    _plugins(params, "reports", recipe.reports or [])
    return _legal(params)


def _plugin(params: dict[str, Flat], key: str, plugin: Plugin | None) -> None:
    params[key] = plugin.plugin_name if plugin is not None else NONE
    if plugin is not None:
        _settings(params, key, plugin)


def _plugins(params: dict[str, Flat], key: str, plugins: Sequence[Plugin]) -> None:
    params[key] = ", ".join(plugin.plugin_name for plugin in plugins) or NONE
    seen: Counter[str] = Counter()
    for plugin in plugins:
        seen[plugin.plugin_name] += 1
        number = seen[plugin.plugin_name]
        _settings(params, f"{key}.{plugin.plugin_name}{f'_{number}' if number > 1 else ''}", plugin)


def _settings(params: dict[str, Flat], key: str, plugin: Plugin, leave: Sequence[str] = ()) -> None:
    for name, value in plugin.model_dump(mode="json").items():
        inner = getattr(plugin, name, None)
        if isinstance(inner, Plugin):
            _plugin(params, f"{key}.{name}", inner)
        elif name not in leave:
            params[f"{key}.{name}"] = _text(value)


def _text(value: Any) -> Flat:
    """A value as one word, a number, or words with commas: nothing that looks like JSON."""
    if value is None:
        return NONE
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_inner(item)}" for key, item in value.items()) or NONE
    if isinstance(value, Sequence):
        nested = any(isinstance(item, Mapping | list | tuple) for item in value)
        return ("; " if nested else ", ").join(_inner(item) for item in value) or NONE
    return str(value)


def _inner(value: Any) -> str:
    flat = _text(value)
    return ("true" if flat else "false") if isinstance(flat, bool) else str(flat)


def _legal(params: dict[str, Flat]) -> dict[str, Flat]:
    """The same params under keys that MLflow takes, no two of them equal."""
    legal: dict[str, Flat] = {}
    for key, value in params.items():
        name, number = legal_key(key), 1
        while name in legal:
            number += 1
            name = legal_key(f"{key}_{number}")
        legal[name] = value
    return legal
