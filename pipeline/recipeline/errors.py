"""Every exception a caller can meet, and the exit code each one ends a command with.

    RecipelineError              1    a fault of ours
    ├── UserError                2    the recipe, the data or the call: the reader can mend it
    │   ├── RecipeError               something in a recipe or an override
    │   ├── DataError                 something in the data a recipe names
    │   ├── TrainingError             the training went wrong by its settings: it diverged, it found no rows
    │   └── UsageError                a command or a function called the wrong way
    ├── UnsafeError              3    refused, because going on could run or overwrite what it must not
    ├── EnvironmentFault         4    disk, server, device or installation
    │   ├── MissingExtra              an optional package; the message is the install command
    │   └── StoreAway                 no tracking server answers just now
    └── Interrupted        130/143    SIGINT or SIGTERM, after everything was put away

Each carries its `problems`, all of them at once, and prints one line a problem:
*where: what is wrong (what was found). What would be right.*
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

__all__ = [
    "DataError",
    "EnvironmentFault",
    "Interrupted",
    "MissingExtra",
    "Problem",
    "RecipeError",
    "RecipelineError",
    "StoreAway",
    "TrainingError",
    "UnsafeError",
    "UsageError",
    "UserError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what was found there and what would be right."""

    message: str
    """What is wrong, as a sentence without its full stop."""
    path: str = ""
    """The setting, dotted and indexed as in `preprocessing[1].strategy`; empty when there is none."""
    file: str | None = None
    line: int | None = None
    """Line in the file, from 1."""
    column: int | None = None
    """Column in the line, from 1."""
    row: int | None = None
    """Row of a table, counted from 1 without the header."""
    field: str | None = None
    """Column of a table, by name."""
    found: str | None = None
    """What stood there, shortened for a line of text."""
    suggestion: str | None = None
    """What to do, as a sentence with its full stop."""

    @property
    def where(self) -> str:
        """The place in one phrase: `file:line:column`, then row and column of a table."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        table = [f"row {self.row}"] if self.row is not None else []
        table += [f"column {self.field!r}"] if self.field is not None else []
        return ", ".join(part for part in (place, *table) if part)

    def __str__(self) -> str:
        where = f"{self.where}  " if self.where and self.path else f"{self.where}: " if self.where else ""
        path = f"{self.path}: " if self.path else ""
        found = f" (found {self.found})" if self.found is not None else ""
        advice = f" {self.suggestion}" if self.suggestion else ""
        return f"{where}{path}{self.message}{found}.{advice}"


class RecipelineError(Exception):
    """A fault of ours, and the root of every other exception here."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [Problem(_without_expression(p)) if isinstance(p, str) else p for p in problems]
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def reword(self, change: Callable[[str], str]) -> None:
        """Change every text of the problems, to hide what must not be seen."""

        def changed(text: str | None) -> str | None:
            return None if text is None else change(text)

        self.problems = [
            replace(
                problem,
                message=change(problem.message),
                file=changed(problem.file),
                field=changed(problem.field),
                found=changed(problem.found),
                suggestion=changed(problem.suggestion),
            )
            for problem in self.problems
        ]
        self.args = ("\n".join(str(problem) for problem in self.problems),)


def _without_expression(text: str) -> str:
    """The text without what polars adds to it: it makes an error that left an expression anew, from its words."""
    own, added, _ = text.partition("\n\nThis error occurred in the following expression")
    return own.rstrip().removesuffix(".") if added else text


class UserError(RecipelineError):
    """The recipe, the data or the call is wrong, and the reader can mend it."""

    exit_code = 2


class RecipeError(UserError):
    """Something in a recipe or an override is wrong."""


class DataError(UserError):
    """Something in the data that a recipe names is wrong."""


class TrainingError(UserError):
    """The training went wrong by its settings: the loss is no longer a number, say."""


class UsageError(UserError):
    """A command or a function was called the wrong way."""


class UnsafeError(RecipelineError):
    """Refused: going on could run or overwrite something that it must not."""

    exit_code = 3


class EnvironmentFault(RecipelineError):
    """Disk, server, device or installation: nothing in the recipe is wrong."""

    exit_code = 4


class MissingExtra(EnvironmentFault):
    """An optional package is not installed; the message gives the command that installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            Problem(
                f"{what} needs the package '{package}', which is not installed",
                suggestion=f"Install it with: pip install 'recipeline[{extra}]'",
            )
        )


class StoreAway(EnvironmentFault):
    """No tracking server answers just now: what is meant for it can be kept and sent later."""


class Interrupted(RecipelineError):
    """A signal ended the run after everything was put away."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        names = {2: "Interrupted by Ctrl-C (SIGINT)", 10: "Ended by SIGUSR1", 15: "Ended by SIGTERM"}
        super().__init__(names.get(signal_number, f"Interrupted by signal {signal_number}"))

    @property
    def code(self) -> int:
        """The shell's exit code for this signal: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signal_number
