"""The types of a CSV file's columns, settled over all rows: a guess from the first ones, verified on every other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from recipeline import Problem, record_batches

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["integer", "number", "boolean", "date", "datetime", "words"]

FEW = 1000
"""Different words among the rows of a record batch up to which each is looked at once."""

HEAD_ROWS = 2000
"""Rows that the guess is made from."""
NUMBER_SHARE = 0.9
"""From this share of numbers on, a column is one of numbers, and what isn't a number there is a mistake."""
NUMBER_ROWS = 20
"""Filled cells that it takes to say so."""
SHOWN = 3
"""Bad cells of a column that are named; the rest is counted."""

FIGURES: dict[Kind, tuple[str, ...]] = {
    "integer": ("cells", "filled", "integer", "number", "infinite", "leading_zero"),
    "number": ("cells", "filled", "number", "infinite", "leading_zero", "long"),
    "boolean": ("cells", "filled", "boolean"),
    "date": ("cells", "filled", "date"),
    "datetime": ("cells", "filled", "datetime"),
    "words": ("numberlike", "marked", "lost"),
}
"""What has to be counted to verify a guess; a guess that fails has everything counted."""

EVERYTHING = (
    "cells", "filled", "integer", "number", "infinite", "leading_zero", "long", "boolean", "date", "datetime", "marked",
    "lost",
)  # fmt: skip

NOTHING = dict.fromkeys(EVERYTHING, 0)
OF_NUMBERS = ("integer", "leading_zero", "long")
OF_WORDS = ("boolean", "date", "datetime")
"""What else has to be counted of columns that hold nothing but numbers, and of others, to guess what they are."""

MAX_TOLD = 10
"""Columns that a note names."""


@dataclass(slots=True)
class Settled:
    """The columns' types, what should be told of them, and what is wrong with them."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bad: dict[str, int] = field(default_factory=dict)
    """Columns of numbers with cells that are none, and how many."""
    infinite: list[str] = field(default_factory=list)
    """Columns of numbers with infinite ones."""
    marked: list[str] = field(default_factory=list)
    """Columns of words with a word that means missing elsewhere."""
    lost: list[str] = field(default_factory=list)
    """Columns of words with cells that are not empty and mean missing."""
    counted: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Of columns with few different cells each of them, `word`, and in how many rows it is, `rows`."""
    rows: int = 0
    """How many rows polars has seen."""
    missing: dict[str, int] = field(default_factory=dict)
    """Columns with cells that are not empty and mean missing, and how many."""

    def tell_missing(self, name: str, count: int) -> None:
        """Note that this many cells of the column, which are not empty, mean missing."""
        if count:
            self.missing[name] = count

    def told(self) -> list[str]:
        """The notes, what means missing in one for all columns."""
        if not self.missing:
            return self.notes
        counts = [f"{name!r} ({count:,})" for name, count in self.missing.items()]
        more = f" and {len(counts) - MAX_TOLD:,} more columns" if len(counts) > MAX_TOLD else ""
        return [f"Cells with a word or blanks that mean missing: {', '.join(counts[:MAX_TOLD])}{more}.", *self.notes]


class Looked(NamedTuple):
    """What the rows say of columns."""

    figures: dict[str, dict[str, int]]
    counted: dict[str, pl.DataFrame]
    """As in `Settled`."""
    rows: int


@dataclass(frozen=True, slots=True)
class Cells:
    """How cells are understood: which mean missing, and where the decimals begin."""

    missing: tuple[str, ...]
    """The words for missing where numbers, dates, true and false are expected."""
    missing_words: tuple[str, ...]
    """The words for missing in a column of words."""
    decimal: str = "."

    def text(self, name: str) -> pl.Expr:
        """A cell without the blanks around it; null where it means missing outside of columns of words."""
        import polars as pl

        cell = pl.col(name).str.strip_chars()
        return pl.when((cell != "") & ~cell.is_in(self.missing)).then(cell)

    def number(self, text: pl.Expr) -> pl.Expr:
        """The cell as a fraction; null where it is none."""
        import polars as pl

        plain = text.str.replace(",", ".", literal=True) if self.decimal == "," else text
        return plain.cast(pl.Float64, strict=False).fill_nan(None)

    def expression(self, name: str, kind: Kind) -> pl.Expr:
        """The column in its settled type."""
        import polars as pl

        text = self.text(name)
        made: dict[Kind, Callable[[], pl.Expr]] = {
            "integer": lambda: text.cast(pl.Int64, strict=False),
            "number": lambda: self.number(text),
            "boolean": lambda: text.str.to_lowercase() == "true",
            "date": lambda: _date(text),
            "datetime": lambda: _datetime(text),
            "words": lambda: self._words(name),
        }
        return made[kind]().alias(name)

    def _words(self, name: str) -> pl.Expr:
        import polars as pl

        cell = pl.col(name)
        return pl.when((cell != "") & ~cell.is_in(self.missing_words)).then(cell)

    def figure(self, name: str, figure: str, text: pl.Expr | None = None) -> pl.Expr:
        """How many cells of the column are of this kind."""
        return self.are(name, figure, text).sum().alias(f"{figure}:{name}")

    def are(self, name: str, figure: str, text: pl.Expr | None = None) -> pl.Expr:
        """Which cells of the column are of this kind.

        Args:
            name: The column.
            figure: The kind.
            text: What `text` gives, where that is at hand.
        """
        import polars as pl

        text = self.text(name) if text is None else text
        made: dict[str, Callable[[], pl.Expr]] = {
            "cells": lambda: pl.col(name).is_not_null(),
            "filled": lambda: text.is_not_null(),
            "marked": lambda: pl.col(name).is_in(self.missing),
            "lost": lambda: pl.col(name).is_not_null() & self._words(name).is_null(),
            "numberlike": lambda: pl.col(name).str.contains(r"^\s*(?:[-+.0-9]|(?i:inf))"),
            "integer": lambda: text.cast(pl.Int64, strict=False).is_not_null(),
            "number": lambda: self.number(text).is_not_null(),
            "infinite": lambda: self.number(text).is_infinite(),
            "leading_zero": lambda: text.str.contains(r"^[+-]?0\d+$"),
            "long": lambda: text.str.contains(r"^[+-]?\d{19,}$") & text.cast(pl.Int64, strict=False).is_null(),
            "boolean": lambda: text.str.to_lowercase().is_in(["true", "false"]),
            "date": lambda: _date(text).is_not_null(),
            "datetime": lambda: _datetime(text).is_not_null(),
        }
        return made[figure]()


def _date(text: pl.Expr) -> pl.Expr:
    return text.str.to_date("%Y-%m-%d", strict=False)


def _datetime(text: pl.Expr) -> pl.Expr:
    """ISO times to the minute or finer, of UTC or of no zone, and dates as their midnight."""
    import polars as pl

    plain = text.str.replace(" ", "T", literal=True).str.strip_suffix("Z")
    fine = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    minute = plain.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", strict=False)
    return pl.coalesce(fine, minute, _date(text).cast(pl.Datetime("us")))


def settle(
    rows: pl.LazyFrame | Path,
    names: Sequence[str],
    cells: Cells,
    is_words: Callable[[str], bool],
    guess: Mapping[str, Kind] | None = None,
    looked: Looked | None = None,
) -> Settled:
    """The type of every column, over all rows.

    Args:
        rows: Every cell as it stands; null where it is empty. Or the typed file of such rows.
        names: The columns.
        cells: How cells are understood.
        is_words: Whether the recipe declares that a column holds no numbers.
        guess: From `guess_kinds`, if it is known.
        looked: What `Counting` has found to verify the guess, if it has.
    """
    import polars as pl

    if not names:
        return Settled()
    if guess is None:
        guess = guess_kinds(pl.scan_ipc(rows) if isinstance(rows, Path) else rows, names, cells)
    figures, counted, seen = looked or _figures(rows, to_verify(guess, names), cells)
    doubtful = dict.fromkeys([name for name in names if not _holds(guess[name], figures[name])], EVERYTHING)
    if doubtful:
        figures |= _figures(rows, doubtful, cells)[0]
    settled = Settled(counted=counted, rows=seen)
    for name in names:
        found = figures[name]
        kind = _kind(found, strict=True) if name in doubtful else guess[name]
        settled.kinds[name] = kind
        if kind == "words" and found["marked"]:
            settled.marked.append(name)
        if kind == "words" and found["lost"]:
            settled.lost.append(name)
        _tell(name, kind, found, settled, is_words(name))
    return settled


def to_verify(guess: Mapping[str, Kind], names: Sequence[str]) -> dict[str, Sequence[str]]:
    """The figures that verify what these columns are taken for."""
    return {name: FIGURES[guess[name]] for name in names}


def guess_kinds(rows: pl.LazyFrame, names: Sequence[str], cells: Cells) -> dict[str, Kind]:
    """The types that the first rows suggest; a column that is empty there may be anything."""
    first = rows.head(HEAD_ROWS).collect(engine="streaming").lazy()  # parsed once, not for each of many figures
    head, _, _ = _figures(first, dict.fromkeys(names, ("filled", "number")), cells)
    figures = {name: OF_NUMBERS if seen["number"] == seen["filled"] else OF_WORDS for name, seen in head.items()}
    more, _, _ = _figures(first, figures, cells)
    return {name: _kind(NOTHING | head[name] | more[name], strict=False) for name in names}


def _figures(rows: pl.LazyFrame | Path, wanted: Mapping[str, Sequence[str]], cells: Cells) -> Looked:
    """The figures of each column, in one pass."""
    import polars as pl

    if isinstance(rows, Path):
        return _figures_of_file(rows, wanted, cells)
    # Every figure looks at the text of a cell: it is made once.
    texts = {name: f":text:{name}" for name in wanted}
    rows = rows.with_columns(cells.text(name).alias(text) for name, text in texts.items())
    expressions = [
        cells.figure(name, figure, pl.col(texts[name])) for name, figures in wanted.items() for figure in figures
    ]
    found = rows.select(pl.len().alias(":rows"), *expressions).collect(engine="streaming").row(0, named=True)
    counted = {name: {figure: found[f"{figure}:{name}"] for figure in figures} for name, figures in wanted.items()}
    return Looked(counted, {}, found[":rows"])


def _figures_of_file(path: Path, wanted: Mapping[str, Sequence[str]], cells: Cells) -> Looked:
    """The same of columns of words in a typed file."""
    counting = Counting(wanted, cells)
    for batch in record_batches(path, list(wanted)):
        counting.add(batch)
    return counting.looked()


class Counting:
    """The figures of columns of words, batch by batch: of words that come again and again each is looked at once.

    Args:
        wanted: The figures of each column.
        cells: How cells are understood.
    """

    def __init__(self, wanted: Mapping[str, Sequence[str]], cells: Cells) -> None:
        self._cells = cells
        self._figures = {name: dict.fromkeys(figures, 0) for name, figures in wanted.items()}
        self._words: dict[str, list[pl.DataFrame]] = {name: [] for name in wanted}
        self._many: set[str] = set()
        self._rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Take in the next rows."""
        import polars as pl

        self._rows += batch.height
        for name, words in self._words.items():
            if name not in self._many:
                counts = batch[name].alias("word").value_counts(name="rows")
                if counts.height <= FEW:
                    words.append(counts)
                    continue
                self._many.add(name)
            self._add(name, batch.select(pl.col(name).alias("word"), pl.lit(1).alias("rows")))

    def _add(self, name: str, counts: pl.DataFrame) -> None:
        """Take in words and how often each is there."""
        import polars as pl

        found = self._figures[name]
        masks = [pl.col("rows").filter(self._cells.are("word", figure)).sum().alias(figure) for figure in found]
        for figure, count in counts.select(masks).row(0, named=True).items():
            found[figure] += count

    def looked(self) -> Looked:
        """What was found in all rows."""
        import polars as pl

        counted = {
            name: pl.concat(batches).group_by("word").agg(pl.col("rows").sum())
            for name, batches in self._words.items()
            if batches
        }
        for name, counts in counted.items():
            self._add(name, counts)
        few = {name: counts.drop_nulls() for name, counts in counted.items() if name not in self._many}
        return Looked(self._figures, few, self._rows)


def _kind(counted: Mapping[str, int], *, strict: bool) -> Kind:
    """The narrowest type that all filled cells have. A guess (not strict) takes an empty column for whole numbers."""
    filled = counted["filled"]
    if filled == 0:
        return "words" if strict else "integer"
    if counted["boolean"] == filled:
        return "boolean"
    if counted["number"] == filled:
        if counted["leading_zero"] or (counted["long"] and counted["integer"] + counted["long"] == filled):
            return "words"
        return "integer" if counted["integer"] == filled else "number"
    if counted["date"] == filled:
        return "date"
    if counted["datetime"] == filled:
        return "datetime"
    return "words"


def _holds(guess: Kind, counted: Mapping[str, int]) -> bool:
    """Whether the guess stands for all rows; if not, all is counted and decided again."""
    if guess == "words":
        # The head holds a cell that is nothing but a word, so the column stays one of words. With numbers in it, all
        # is counted, to tell it from a column of numbers with a mistake.
        return counted["numberlike"] == 0
    filled = counted["filled"]
    if filled == 0 or counted[guess] < filled or counted.get("leading_zero") or counted.get("long"):
        return False
    return not (guess == "number" and counted["infinite"])


def _tell(name: str, kind: Kind, counted: Mapping[str, int], settled: Settled, is_words: bool) -> None:
    filled, numbers = counted.get("filled", 0), counted.get("number", 0)
    if kind == "words":
        if counted.get("leading_zero") and numbers == filled:
            settled.notes.append(f"Column '{name}' is read as words: its numbers have leading zeros, as codes do.")
        elif counted.get("long") and numbers == filled:  # and all others are whole numbers, or it were "number"
            settled.notes.append(f"Column '{name}' is read as words: some whole numbers have more digits than 64 bits.")
        elif numbers and not is_words:
            if filled >= NUMBER_ROWS and numbers >= NUMBER_SHARE * filled:
                settled.bad[name] = filled - numbers
            else:
                settled.notes.append(f"Column '{name}' is read as words: {numbers:,} of {filled:,} cells are numbers.")
        return
    if counted.get("infinite"):
        settled.infinite.append(name)
    settled.tell_missing(name, counted["cells"] - filled)
