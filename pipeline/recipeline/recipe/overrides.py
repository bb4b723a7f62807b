"""Changes to a recipe from the command line: `optimizer.lr=0.01 preprocessing.1.strategy=mean ~scheduler`.

An override is put into the recipe before anything is checked, so that it is checked as the file is. A key is dotted;
in a list it is an index, or the name of the one plugin in it: `preprocessing.impute.strategy=mean`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recipeline import secrecy
from recipeline.errors import Problem, RecipeError
from recipeline.nearest import did_you_mean
from recipeline.recipe.node import Node, Place, dotted, problem_at, shown
from recipeline.recipe.read import MAX_DEPTH, read_value

DEFAULT_PLUGINS: dict[tuple[str | int, ...], str] = {
    ("optimizer",): "adam",
    ("scheduler",): "fixed",
    ("data", "split"): "random",
}
"""What a setting such as `optimizer.lr=0.1` belongs to in a recipe that names no optimizer."""

_PLUGINS = {
    *("architecture", "loss", "optimizer", "scheduler", "preprocessing", "regularization", "metrics", "reports"),
    *(("data", "source"), ("data", "split")),
}
"""Where a bare name may become a mapping with that name as its `type`."""

_SEGMENT = re.compile(r"""\.?(?:"([^"]*)"|'([^']*)'|\[(\d+)\]|([^.\[\]"']+))""")


def apply(root: Node, overrides: Sequence[str]) -> list[Problem]:
    """Change the recipe, override by override, and say which can't be applied."""
    problems: list[Problem] = []
    for text in overrides:
        setting, equals, _ = text.partition("=")
        secret = equals and secrecy.names_a_secret(setting.rpartition(".")[2])
        origin = f"override {shown(f'{setting}={secrecy.MASK}' if secret else text)}"
        try:
            if text.startswith("~"):
                _remove(root, _segments(text[1:], origin), origin)
            else:
                key, equals, value = text.partition("=")
                if not equals:
                    raise RecipeError(
                        problem_at(
                            Place(origin),
                            "an override is KEY=VALUE or ~KEY",
                            suggestion="For instance: optimizer.lr=0.01",
                        )
                    )
                _put(root, _segments(key.strip(), origin), read_value(value, origin), origin)
        except RecipeError as error:
            problems += error.problems
    return problems


def _segments(key: str, origin: str) -> list[str]:
    """The steps of a dotted key; quotes keep a dot in a column's name."""
    found, position = [], 0
    while position < len(key):
        match = _SEGMENT.match(key, position)
        if match is None:
            break
        found.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    if not found or position < len(key) or len(found) > MAX_DEPTH or key.startswith("."):
        raise RecipeError(
            problem_at(
                Place(origin),
                "the key can't be read",
                found=shown(key),
                suggestion="Write it dotted: preprocessing.1.strategy",
            )
        )
    return found


def _index(node: Node, segment: str, path: list[str | int], origin: str, *, append: bool) -> int:
    """Which entry of a list is meant: its number, or the name of the one plugin."""
    entries = node.content
    assert isinstance(entries, list)
    if segment.isascii() and segment.isdigit():
        index = int(segment) if len(segment) < 9 else len(entries) + 1
        if index < len(entries) + append:
            return index
        there = f"{len(entries)} entries, 0 to {len(entries) - 1}" if entries else "no entries"
        raise RecipeError(
            problem_at(
                Place(origin), f"there is no entry {shown(segment)[1:-1]}: the list has {there}", path=dotted(path)
            )
        )
    names = [_type(entry) for entry in entries]
    if names.count(segment) == 1:
        return names.index(segment)
    several = segment in names
    message = f"{names.count(segment)} entries are" if several else "no entry of the list is"
    near = None if several else did_you_mean(segment, [name for name in names if name])
    raise RecipeError(
        problem_at(
            Place(origin),
            f"{message} named {shown(segment)}",
            path=dotted(path),
            suggestion=near or "Give an entry's number, from 0.",
        )
    )


def _type(node: Node) -> str | None:
    """The name of the plugin that an entry of a list is, bare or with settings."""
    named = node.step("type") if isinstance(node.content, dict) else node
    return named.content if named is not None and isinstance(named.content, str) else None


def _put(root: Node, segments: list[str], value: Node, origin: str) -> None:
    """Set a value, making the mappings on the way to it."""
    place = Place(origin)
    node, path = root, list[str | int]()
    for segment, last in zip(segments, [False] * (len(segments) - 1) + [True], strict=True):
        if not isinstance(node.content, dict | list):
            _expand(node, path, place)
        if isinstance(node.content, list):
            index = _index(node, segment, path, origin, append=True)
            path.append(index)
            if index == len(node.content):
                node.content.append(Node(None, place))
            if last:
                node.content[index] = value
            else:
                node = node.content[index]
        else:
            assert isinstance(node.content, dict)
            path.append(segment)
            if last:
                node.content[segment] = value
            else:
                node = node.content.setdefault(segment, Node(None, place, place))


def _expand(node: Node, path: list[str | int], place: Place) -> None:
    """Make a mapping of what is none yet: a plugin's bare name, nothing, or nothing that has a default plugin."""
    name = node.content
    is_plugin = path[0] in _PLUGINS or tuple(path[:2]) in _PLUGINS
    if name is None:
        name = DEFAULT_PLUGINS.get(tuple(path))
    if name is None:
        node.content = {}
    elif isinstance(name, str) and is_plugin:
        node.content = {"type": Node(name, node.place, node.key, written=name)}
    else:
        raise RecipeError(problem_at(place, f"{dotted(path)} is no mapping", path=dotted(path), found=shown(name)))


def _remove(root: Node, segments: list[str], origin: str) -> None:
    """Take a setting or an entry of a list away."""
    node, path = root, list[str | int]()
    for segment in segments[:-1]:
        key = _index(node, segment, path, origin, append=False) if isinstance(node.content, list) else segment
        path.append(key)
        below = node.step(key)
        if below is None:
            raise RecipeError(_absent(node, path, origin))
        node = below
    segment = segments[-1]
    if isinstance(node.content, list):
        del node.content[_index(node, segment, path, origin, append=False)]
    elif isinstance(node.content, dict) and segment in node.content:
        del node.content[segment]
    else:
        raise RecipeError(_absent(node, [*path, segment], origin))


def _absent(node: Node, path: list[str | int], origin: str) -> Problem:
    names = list(node.content) if isinstance(node.content, dict) else []
    return problem_at(
        Place(origin),
        f"the recipe does not set {dotted(path)}, so it can't be taken away",
        suggestion=did_you_mean(str(path[-1]), names),
    )
