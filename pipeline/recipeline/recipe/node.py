"""A value in a recipe together with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipeline import secrecy
from recipeline.errors import Problem
from recipeline.recipe.scalars import Scalar

Path = tuple[str | int, ...]
"""Keys and indices from the top of the recipe to a value."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a line and column of a file, or an override."""

    source: str
    """The file's name, or `override 'optimizer.lr=1'`."""
    line: int | None = None
    column: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """For sorting within a source."""
        return (self.line or 0, self.column or 0)


@dataclass(slots=True)
class Node:
    """A scalar, mapping or list, where it stands, and how its key is written."""

    content: Scalar | dict[str, Node] | list[Node]
    place: Place
    key: Place | None = None
    """Where its key stands; None in a list and at the top."""
    written: str | None = None
    """A scalar as it is written, `${env:NAME}` unreplaced."""
    quoted: bool = False
    environment: bool = field(default=False)
    """Whether `content` came from the environment, and must be shown to nobody."""

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def step(self, key: str | int) -> Node | None:
        """The value one step down; None when there is none."""
        if isinstance(self.content, dict) and isinstance(key, str):
            return self.content.get(key)
        if isinstance(self.content, list) and isinstance(key, int) and 0 <= key < len(self.content):
            return self.content[key]
        return None

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """This node and all below it, with their paths."""
        yield path, self
        if isinstance(self.content, dict):
            for key, node in self.content.items():
                yield from node.walk((*path, key))
        elif isinstance(self.content, list):
            for index, node in enumerate(self.content):
                yield from node.walk((*path, index))

    def nearest(self, path: Path) -> tuple[Node, int]:
        """The deepest node on the way down `path`, and how many steps it took."""
        node = self
        for taken, key in enumerate(path):
            below = node.step(key)
            if below is None:
                return node, taken
            node = below
        return node, len(path)


def dotted(path: Sequence[str | int]) -> str:
    """A path as people read it: `preprocessing[1].strategy`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            word = key if key.isprintable() and len(key) <= MAX_SHOWN else shown(key)
            text += f".{word}" if text else word
    return text


MAX_SHOWN = 60
"""Characters of a found value that an error repeats."""


def shown(value: Any) -> str:
    """A value for a line of text: on one line, without control characters, shortened."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    value = secrecy.hide(value) if isinstance(value, str) else value  # before it is cut
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[: MAX_SHOWN - 4]}...{text[-1]}" if text[0] in _QUOTES else f"{text[: MAX_SHOWN - 3]}..."


_QUOTES = "'\""


def problem_at(place: Place, message: str, **details: Any) -> Problem:
    """A problem at a place."""
    return Problem(message, file=place.source, line=place.line, column=place.column, **details)
