"""The lines of a recipe as `recipeline init` writes them: YAML in one line each, with comments behind."""

from __future__ import annotations

from typing import Any

WIDTH = 120
"""Signs of a line that a reader sees without scrolling."""


def one_or_list(names: tuple[str, ...]) -> str | list[str]:
    """One name bare, several as a list."""
    return names[0] if len(names) == 1 else list(names)


def entry(key: str, value: Any, indent: int = 0) -> str:
    """`key: value` on one line."""
    return f"{' ' * indent}{flow(key)}: {flow(value)}"


def item(value: dict[str, Any]) -> str:
    """`- {key: value}` on one line."""
    return f"  - {flow(value)}"


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    from recipeline.recipe.dump import plain_to_yaml

    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    # Written as the one item of a list, so that it is quoted where a comma or a bracket would end it.
    return " ".join(part.strip() for part in plain_to_yaml([value]).splitlines())[1:-1]


def comment(line: str, words: str) -> str:
    """The line with a comment behind it, or above it where both don't fit on one."""
    behind = f"{line:<36}  # {words}" if words else line
    if len(behind) <= WIDTH or not words:
        return behind
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}# {words}\n{line}"


def plain(text: str) -> str:
    """Text that may stand in a comment: on one line, without signs that can't be seen."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
