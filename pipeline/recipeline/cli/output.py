"""How commands speak: results to stdout, progress to stderr, one JSON document for machines.

Colours come only on a terminal, and `NO_COLOR` turns them off. rich is imported when a table is drawn.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recipeline.errors import Problem

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

WIDE = 400
"""Columns of text when nobody's terminal bounds them, so that a line in a pipe is one row of the table."""


def json_option(function: F) -> F:
    """The option `--json`, handed over as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")(function)


def emit_json(document: Any) -> None:
    """Write the one document of a command with `--json` to stdout. Non-finite numbers become null."""
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False, default=str)
    echo(text)


def _finite(value: Any) -> Any:
    """The same document with null where JSON has no number."""
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def problem_document(problem: Problem) -> dict[str, Any]:
    """A problem as `--json` gives it: file, line, column, path, message, found, suggestion; row and field for data."""
    document = dataclasses.asdict(problem)
    order = ("file", "line", "column", "path", "message", "found", "suggestion")
    table = {key: document[key] for key in ("row", "field") if document[key] is not None}
    return {key: document[key] for key in order} | table


def examples(*commands: str) -> str:
    """Commands as the end of a help text, one a line."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\b\nExamples:\n{lines}"  # \b is click's mark for lines that must not be wrapped


def echo(text: str = "") -> None:
    """Write a line of the result to stdout."""
    click.echo(text)


def note(text: str = "") -> None:
    """Write a line about what is going on to stderr."""
    click.echo(text, err=True)


@contextmanager
def warnings_in_a_line() -> Iterator[None]:
    """Show a warning of Python or of a library as one line on stderr, each once, without code and paths."""
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], filename: str, *_: Any, **__: Any) -> None:  # noqa: ARG001 - as Python calls it
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            parts = Path(filename).parts
            owner = parts[parts.index("site-packages") + 1].partition(".")[0] if "site-packages" in parts[:-1] else ""
            note(f"warning{f' of {owner}' if owner else ''}: {text}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def is_terminal(stream: Any = None) -> bool:
    """Whether somebody is watching this stream (stdout if none is given)."""
    target = sys.stdout if stream is None else stream
    return bool(getattr(target, "isatty", lambda: False)())


def console(*, stderr: bool = False) -> Console:
    """The console of rich on stdout or stderr, as wide as the terminal, or wide enough for anything in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if is_terminal(stream) else WIDE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
    stderr: bool = False,
) -> None:
    """Print a table: headings, a rule, rows. None is an empty cell.

    Args:
        columns: The headings.
        rows: The cells, as text or as anything with a `str`.
        title: A line above the table.
        right: The headings of columns that are aligned to the right, as numbers are.
        stderr: Print to stderr instead of stdout.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stderr if stderr else sys.stdout) and all(_is_plain(cell) for row in cells for cell in row):
        for line in _plain_table(columns, cells, title, right):
            click.echo(line, err=stderr)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title_justify="left")
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    out = console(stderr=stderr)
    if title:
        out.print(Text(title, style="bold"))
    if out.is_terminal:
        out.print(drawn)
        return
    with out.capture() as drawing:
        out.print(drawn)
    for line in drawing.get().splitlines():
        click.echo(line.rstrip(), err=stderr)


def _is_plain(cell: str) -> bool:
    """Whether each letter takes one place, and the cell one line."""
    return cell.isascii() and cell.isprintable()


def _plain_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None, right: Sequence[str]
) -> Iterator[str]:
    """The lines that rich would print into a pipe, without the tenth of a second that it takes to load."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        placed = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(columns, cells, widths, strict=True)
        ]
        return "   ".join(placed).rstrip()

    if title:
        yield title
    yield line(columns)
    yield "\u2500" * (sum(widths) + 3 * (len(columns) - 1))
    yield from map(line, rows)
