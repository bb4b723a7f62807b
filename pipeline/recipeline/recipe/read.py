"""From bytes to values with places: YAML 1.2 core, and nothing of YAML that a recipe has no use for.

The events of the parser are looked at one by one, before anything is built: too deep, too many, an alias, a tag, a
second document or a duplicate key is refused where it stands, in words. No value is made by YAML's own constructors,
so nothing in a recipe can call anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from recipeline.errors import Problem, RecipeError
from recipeline.recipe.node import Node, Place, problem_at, shown
from recipeline.recipe.scalars import resolve

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_PROBLEMS = 50
"""More than this many say nothing new, and a hostile file could make a hundred thousand."""

# libyaml where it is there: 20 times as fast. Its events are safe on any input; it is its recursive composer that
# overflows the stack, and that isn't used.
PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML 1.2 doesn't print, and the three characters that YAML 1.1 takes for line breaks.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_WORDS = (
    ("mapping values are not allowed", "a ':' where no key can stand", "Put text with ': ' in it in quotes."),
    ("sequence entries are not allowed", "a '- ' where no list can stand", "Start the list on its own line."),
    ("sequence entries", "a '- ' where no list can stand", "Start the list on its own line."),
    ("found a tab", "a tab as indentation", "Indent with spaces."),
    ("could not find expected ':'", "a line without ':'", "Write key: value, with a space after the colon."),
    ("unexpected end of stream", "a quote that is opened and not closed", None),
    ("',' or ']'", "a '[' that is not closed", "Entries are separated by commas and end with ']'."),
    ("',' or '}'", "a '{' that is not closed", "Settings are separated by commas and end with '}'."),
    ("unknown escape character", "an unknown escape in double quotes", "Single quotes take a backslash as it is."),
    ("escape", "an escape in double quotes that stands for no character", None),
    ("<document start>", "text after the end of the recipe", None),
    ("directive", "a YAML directive ('%'), which a recipe has no use for", None),
    ("did not find expected key", "a line that fits none above it", "Keys of one mapping start in one column."),
    ("'-' indicator", "a line that belongs to no entry of the list", "Entries of one list start in one column."),
    ("node content", "a sign where a value should be", "Put text with signs in it in quotes."),
    ("block end", "a line that fits none above it", "Keys of one mapping start in one column."),
)
"""What the parsers say (the C one and Python's differ a little), what we say, and the advice."""


def read_file(path: FilePath) -> str:
    """The text of a recipe.

    Raises:
        RecipeError: no such file, not a file, too large, or not UTF-8.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RecipeError(Problem("there is no such file", file=name, suggestion=_neighbours(path))) from None
    except IsADirectoryError:
        raise RecipeError(Problem("this is a folder, not a recipe", file=name, suggestion=_neighbours(path))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecipeError(Problem(f"the file can't be read: {reason}", file=ascii(name)[1:-1])) from None
    return decode(data, name)


def decode(data: bytes, name: str) -> str:
    """The bytes of a recipe as text; the error names line and column of what is wrong."""
    top = Place(name, 1, 1)
    if len(data) > MAX_BYTES:
        raise RecipeError(problem_at(top, f"the file is larger than {MAX_BYTES // 1000} kB", suggestion=_NO_DATA))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8-sig")
        place = Place(name, *_position(good, len(good)))
        kind = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"
        raise RecipeError(
            problem_at(
                place, f"the file is {kind}", found=f"byte 0x{data[error.start]:02x}", suggestion="Save it as UTF-8."
            )
        ) from None
    wrong = _FORBIDDEN.search(text)
    if wrong:
        raise RecipeError(
            problem_at(
                Place(name, *_position(text, wrong.start())),
                "a character that YAML does not allow",
                found=f"U+{ord(wrong.group()):04X}",
                suggestion='Remove it, or write it as an escape in double quotes, such as "\\t".',
            )
        )
    return text


_NO_DATA = "Data belongs into a file of its own, which `data.source` names."


def _position(text: str, offset: int) -> tuple[int, int]:
    lines = re.split(r"\r\n|\r|\n", text[:offset])
    return len(lines), len(lines[-1]) + 1


def _neighbours(path: FilePath) -> str | None:
    """The recipes that do exist near a path that doesn't."""
    folder = path if path.is_dir() else path.parent
    try:
        names = sorted(p.name for p in folder.iterdir() if p.suffix in (".yaml", ".yml"))
    except OSError:
        return None
    return f"There {'are' if len(names) > 1 else 'is'}: {', '.join(names[:8])}." if names else None


def read(text: str, name: str) -> Node:
    """The mapping that a recipe's text holds.

    Raises:
        RecipeError: everything that is wrong with it as YAML, as far as it can be read.
    """
    reader = _Reader(name)
    root = reader.read(text)
    if root is None and not reader.problems:
        reader.problems.append(
            problem_at(Place(name, 1, 1), "the recipe is empty", suggestion="Start one with: recipeline init DATA")
        )
    elif root is not None and not isinstance(root.content, dict):
        reader.problems.append(
            problem_at(
                root.place,
                "a recipe is a mapping of settings",
                found=shown(root.plain()),
                suggestion="Start with `name: ...`",
            )
        )
    if reader.problems or root is None:
        raise RecipeError(*reader.problems)
    return root


def read_value(text: str, origin: str) -> Node:
    """The value of an override: a flow collection, a quoted text or a plain word.

    Raises:
        RecipeError: it can't be read.
    """
    place = Place(origin)
    text = text.strip()
    if not text.startswith(("[", "{", '"', "'")):
        try:
            return Node(resolve(text), place, place, written=text)
        except ValueError as error:
            raise RecipeError(problem_at(place, str(error))) from None
    reader = _Reader(origin, placed=False)
    root = reader.read(text)
    if reader.problems or root is None:
        raise RecipeError(*reader.problems)
    root.key = place
    return root


class _Stop(Exception):
    """Nothing after this can be read."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled."""

    node: Node
    key: tuple[str, Place] | None = None
    """The key whose value is awaited."""
    awaits_value: bool = False


@dataclass(slots=True)
class _Reader:
    """Builds nodes from the parser's events."""

    name: str
    placed: bool = True
    """Whether lines and columns mean anything: not in an override."""
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    root: Node | None = None
    nodes: int = 0
    documents: int = 0

    def read(self, text: str) -> Node | None:
        """The root of the text, or None when there is none."""
        try:
            for event in yaml.parse(text, Loader=PARSER):
                self._take(event)
        except _Stop:
            pass
        except yaml.MarkedYAMLError as error:
            self._misread(error, text)
        except (yaml.YAMLError, ValueError, LookupError, RecursionError, AttributeError) as error:
            # PyYAML lets these through on odd escapes and directives.
            self._say(Place(self.name, 1, 1), f"this can't be read as YAML: {shown(str(error))}")
        return self.root

    def _take(self, event: yaml.Event) -> None:
        place = self._place(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self._begin(event, place)
        elif isinstance(event, yaml.AliasEvent):
            self._say(place, f"an alias, '*{event.anchor}'", "Write the value out: a recipe has no aliases.")
            self._add(Node(None, place), bad_key=True)
        elif isinstance(event, yaml.NodeEvent):
            self._start(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(self.stack.pop().node, bad_key=True)

    def _begin(self, event: yaml.DocumentStartEvent, place: Place) -> None:
        self.documents += 1
        if self.documents > 1:
            self._say(place, "a second document in the file", "One recipe a file: remove the line '---'.", stop=True)
        if event.version not in (None, (1, 2)) or event.tags:
            self._say(place, "a YAML directive ('%'), which a recipe has no use for", "Remove the line.")

    def _start(self, event: yaml.NodeEvent, place: Place) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._say(place, f"more than {MAX_NODES} values", _NO_DATA, stop=True)
        if event.anchor is not None:
            self._say(place, f"an anchor, '&{event.anchor}'", "Remove it: a recipe has no aliases.")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._say(place, f"a YAML tag, {shown(tag)}", "Remove it: settings are plain text, numbers and lists.")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
            return
        if len(self.stack) >= MAX_DEPTH:
            self._say(place, f"more than {MAX_DEPTH} levels, one in another", stop=True)
        self.stack.append(_Frame(Node({} if isinstance(event, yaml.MappingStartEvent) else [], place)))

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        text = event.value
        if event.style and event.style in "'\"|>":
            if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                self._say(place, "text with a character that no file or name can hold (NUL or half a pair)")
            self._add(Node(text, place, written=text, quoted=True))
            return
        try:
            self._add(Node(resolve(text), place, written=text))
        except ValueError as error:
            self._say(place, str(error))
            self._add(Node(None, place))

    def _add(self, node: Node, *, bad_key: bool = False) -> None:
        """Put a finished value where it belongs: at the top, into a list, as a key, or as a key's value."""
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        held = frame.node.content
        if isinstance(held, list):
            held.append(node)
        elif not frame.awaits_value:
            frame.awaits_value = True
            frame.key = self._key(node, bad_key)
        else:
            frame.awaits_value = False
            if frame.key is not None and isinstance(held, dict):
                name, node.key = frame.key
                held[name] = node

    def _key(self, node: Node, bad_key: bool) -> tuple[str, Place] | None:
        """The name that a key's node gives, or None when it can't be one."""
        name = node.content
        held = self.stack[-1].node.content
        if bad_key:
            if isinstance(name, dict | list):
                self._say(node.place, "a mapping or list as a key", "Keys are words.")
            return None
        if not isinstance(name, str):
            what = "an empty key" if not node.written else f"the key {node.written} is not text"
            self._say(node.place, what, f"Write it in quotes: '{node.written}'." if node.written else None)
            return None
        if name == "<<" and not node.quoted:
            self._say(node.place, "a merge key, '<<'", "Write the settings out: a recipe has no aliases.")
            return None
        assert isinstance(held, dict)
        if name in held:
            first = held[name].key
            where = f" (first in line {first.line})" if first is not None and first.line is not None else ""
            self._say(node.place, f"the key {shown(name)} stands twice in one mapping{where}", "Remove one of them.")
            return None
        return name, node.place

    def _misread(self, error: yaml.MarkedYAMLError, text: str) -> None:
        said = str(error.problem or "")
        opened = error.context_mark if any(word in said for word in _UNCLOSED) else None
        mark = opened or error.problem_mark or error.context_mark
        message, advice = f"this can't be read as YAML: {said}", None
        for word, ours, help_ in _WORDS:
            if word in said:
                message, advice = ours, help_
                break
        character = _character(text, mark)
        if opened is None and character in "]}":
            message, advice = f"a '{character}' that closes nothing", None
        if "cannot start any token" in said:
            message = "a tab as indentation" if character == "\t" else f"no value can start with {shown(character)}"
            advice = "Indent with spaces." if character == "\t" else "Put the text in quotes."
        self._say(self._place(mark), message, advice)

    def _place(self, mark: Any) -> Place:
        if mark is None or not self.placed:
            return Place(self.name, *((1, 1) if self.placed else ()))
        return Place(self.name, mark.line + 1, mark.column + 1)

    def _say(self, place: Place, message: str, suggestion: str | None = None, *, stop: bool = False) -> None:
        self.problems.append(problem_at(place, message, suggestion=suggestion))
        if stop or len(self.problems) >= MAX_PROBLEMS:
            raise _Stop


_UNCLOSED = ("unexpected end of stream", "',' or", "could not find expected ':'")
"""What a parser says at the end of a text in which something was left open: the beginning is where to look."""


def _character(text: str, mark: Any) -> str:
    """The character at a parser's mark."""
    lines = re.split(r"\r\n|\r|\n", text)
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    return line[mark.column] if mark is not None and mark.column < len(line) else " "
