"""`${env:NAME}`: the one thing that a recipe can take from outside, in `data.source` and `tracking` only.

What a variable holds may be a password. It goes to the plugin that asked for it and nowhere else: errors, the dumped
recipe and `repr` show `${env:NAME}` as it is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from recipeline.errors import Problem
from recipeline.nearest import did_you_mean
from recipeline.recipe.node import Node, Path, dotted, problem_at

_WRITTEN = re.compile(r"\$\{([^}]*)\}?")
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_NAMED = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMES = (("data", "source"), ("data", "source", "type"), ("tracking",))
"""What a recipe must say itself, so that validation on another machine checks the same plugin."""
_FREE_TEXT = (("description",), ("name",))
"""Where `${...}` may stand for itself, unless it is `${env:...}`."""


def interpolate(root: Node, variables: Mapping[str, str] | None = None) -> list[Problem]:
    """Put the environment's values into the nodes that ask for them, and say what is wrong with the asking."""
    values = os.environ if variables is None else variables
    problems = []
    for path, node in root.walk():
        name = path[-1] if path else ""
        if isinstance(name, str) and "${" in name:
            place = node.key or node.place
            problems.append(problem_at(place, "a key can't come from the environment", path=dotted(path)))
        if isinstance(node.content, str) and "${" in node.content:
            problems += _fill(node, path, values)
    return problems


def _fill(node: Node, path: Path, values: Mapping[str, str]) -> list[Problem]:
    written = str(node.content)
    allowed = path[:2] == ("data", "source") or path[:1] == ("tracking",)
    if not allowed and path in _FREE_TEXT and "${env:" not in written:
        return []
    problems: list[Problem] = []

    def replace(found: re.Match[str]) -> str:
        variable = _VARIABLE.fullmatch(found[1])
        message, advice = None, None
        if variable is None or not found[0].endswith("}"):
            message, advice = "'${' begins what is not ${env:NAME}", "Only ${env:NAME} is replaced in a recipe."
        elif not allowed or path in _NAMES:
            message, advice = f"{found[0]} can't stand here", "Only settings of data.source and tracking may take it."
        elif variable[1] not in values:
            message = f"the environment variable {variable[1]} is not set"
            advice = did_you_mean(variable[1], values) or f"Set it: export {variable[1]}=..."
        if message is not None:
            problems.append(problem_at(node.place, message, path=dotted(path), suggestion=advice))
            return ""
        assert variable is not None
        return values[variable[1]]

    node.content = _WRITTEN.sub(replace, written)
    node.written, node.environment = written, True
    return problems


def values_of(root: Node, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Each value that the environment has given, with how the recipe writes it."""
    values = os.environ if variables is None else variables
    names = {name for _, node in root.walk() if node.environment for name in _NAMED.findall(str(node.written))}
    return {values[name]: f"${{env:{name}}}" for name in names if name in values}


def written_values(root: Node) -> dict[Path, str]:
    """How the values that came from the environment are written, by path."""
    return {path: str(node.written) for path, node in root.walk() if node.environment}
