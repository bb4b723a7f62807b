"""Rows from CSV files: every cell accounted for, every damaged row named."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr

from recipeline import DataError, Problem, Role, Source, TypedFile, record_rows, temporary_folder, write_batches

if TYPE_CHECKING:
    import polars as pl

    from recipeline_plugins.source.csv_structure import Head, Structure
    from recipeline_plugins.source.csv_types import Cells, Kind, Looked, Settled

GUESS_BYTES = 1024**2
"""Bytes at the start of a file that types are guessed from, if they hold rows enough."""
QUICK_BYTES = 4 * 1024**2
"""From this size on it pays to let polars parse the columns that begin as numbers."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One file, looked at."""

    file: Path
    plain: Path
    """The file as UTF-8: itself or a copy."""
    head: Head
    structure: Structure
    """What its bytes say; before they have been looked at, that nothing is odd about them."""
    glanced: bool = False
    """Whether that is what a glance says, which leaves rows that are too long to polars."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows with the columns that begin as numbers parsed as numbers."""

    file: TypedFile
    guess: dict[str, Kind]
    filled: dict[str, int]
    """How many values each column of numbers has; empty where one is not finite."""
    looked: Looked
    """What was counted of the others, if it was wanted."""

    @property
    def full(self) -> bool:
        """Whether every column of numbers has some, and all are finite."""
        return bool(self.filled) and all(self.filled.values())


class CsvSource(Source, name="csv"):
    """A CSV file, or several with the same header: types settled over all rows, damage named by row and column.

    A column's type is the narrowest that all of its filled cells have: whole numbers, numbers, true and false, ISO
    dates, ISO times, or else words. Where numbers, dates, true or false are expected, the empty cell and the words NA,
    N/A, NaN, null, None, ? and - mean missing; in a column of words only the empty cell does, because NA may be
    Namibia. Numbers with leading zeros or of more than 64 bits stay words. A column of at least 90 % numbers (of 20
    cells or more) that holds anything else is an error that names the cell. Rows are counted from 1 without the
    header and without blank lines, which are skipped. Files packed with gzip are read as they are.

    Shafranovich 2005, Common Format and MIME Type for CSV Files (RFC 4180).
    """

    reads_twice = True

    example = """
        data:
          source: {type: csv, path: "sales/*.csv", separator: ";", decimal: ","}
          target: price
    """

    path: str
    """The file, beside the recipe or below the working folder; a glob such as `data/*.csv` takes several in the order
    of their names."""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    """What stands between two cells; by default found out from the first lines: comma, semicolon, tab or bar."""
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    """How letters are written as bytes."""
    quote: Literal['"', "'"] | None = '"'
    """What a cell stands in that holds the separator or a line break; null if quotes mean nothing."""
    header: bool = True
    """Whether the first line holds the columns' names; otherwise they are column_1, column_2, ..."""
    missing: list[str] | None = None
    """The words that mean missing, in every column, in place of the usual ones."""
    decimal: Literal[".", ","] = "."
    """What stands before the decimals."""

    _declared: dict[str, Role] = PrivateAttr(default_factory=dict)
    _notes: list[str] = PrivateAttr(default_factory=list)
    _row_files: list[tuple[str, int]] = PrivateAttr(default_factory=list)
    _unpacked: Path | None = PrivateAttr(default=None)
    _typed: TypedFile | None = PrivateAttr(default=None)
    _counted: dict[str, Any] = PrivateAttr(default_factory=dict)

    def expect(self, roles: Mapping[str, Role]) -> None:
        """Remember which columns the recipe declares to be no numbers."""
        self._declared = dict(roles)

    def notes(self) -> Sequence[str]:
        """What was read as missing or as words, and which lines were skipped."""
        return tuple(self._notes)

    def typed_file(self) -> TypedFile | None:
        """The parsed file, where nothing had to be done to its cells afterwards."""
        return self._typed

    def counted_words(self) -> Mapping[str, pl.DataFrame]:
        """Of columns with few different words each of them, where nothing had to be done to the cells afterwards."""
        return self._counted

    def close(self) -> None:
        """Remove unpacked and parsed files."""
        self._typed = None
        if self._unpacked is not None:
            shutil.rmtree(self._unpacked, ignore_errors=True)
            self._unpacked = None

    def row_files(self) -> Sequence[tuple[str, int]]:
        """The files in the order of their names, with the rows of each."""
        return tuple(self._row_files)

    def location(self) -> str:
        """The path as the recipe writes it."""
        return self.path

    def fingerprint(self) -> str:
        """The sha256 of the settings and of the files' bytes; of several files, their names too."""
        digest = hashlib.sha256(json.dumps(self.model_dump(mode="json", exclude={"path"}), sort_keys=True).encode())
        files = self.files(self.path)
        for file in files:
            digest.update(file.name.encode() if len(files) > 1 else b"")
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def scan(self) -> pl.LazyFrame:
        """All rows of all files with their types settled.

        Raises:
            DataError: a file is damaged, or a column of numbers holds something else; file, row and column are named.
        """
        self._notes, self._typed, self._counted = [], None, {}
        parts = [self._open(file) for file in self.files(self.path)]
        large = sum(part.plain.stat().st_size for part in parts) >= QUICK_BYTES
        with ThreadPoolExecutor(1, "recipeline-csv") as beside:
            looked_at = beside.submit(lambda: [self._looked_at(part, briefly=large) for part in parts])
            parsed = self._early(parts) if large else None  # polars lets others work meanwhile
            opened = looked_at.result()
        if parsed is None:  # something may be odd, and polars has not seen to rows that are too long
            opened = [self._looked_at(part) if part.glanced else part for part in opened]
        for part in opened[1:]:
            self._same_header(opened[0], part)
        count = sum(part.structure.rows for part in opened)
        if not count:
            raise DataError(
                Problem(
                    "there are no rows" + (" below the header" if self.header else ""),
                    file=self.path,
                    suggestion="Name a file with data.",
                )
            )
        if any(part.structure.blank for part in opened):
            parsed = None  # blank lines were taken for rows
        found = self._quickly(opened, parsed) if large else None
        rows, settled = found if found is not None else self._thoroughly(opened)
        if settled.rows != count:  # whoever counts wrong, a row of an error would be another one
            raise DataError(
                Problem(
                    "quotes and line breaks can be read in two ways",
                    file=self.path,
                    found=f"{count:,} or {settled.rows:,} rows",
                    suggestion="Put every cell with a quote or a line break in quotes, or set quote: null.",
                )
            )
        self._notes += settled.told()
        self._row_files = [(str(part.file), part.structure.rows) for part in opened]
        return rows

    def _thoroughly(self, opened: list[Opened]) -> tuple[pl.LazyFrame, Settled]:
        """Every cell read as a word first, so that whatever is wrong is found with its place."""
        from recipeline_plugins.source.csv_types import settle

        cells = self._cells()
        names = opened[0].head.names
        rows = self._rows(opened)
        settled = settle(rows, names, cells, self._is_words)
        self._refuse(rows, settled, cells, [(part.file, part.structure.rows) for part in opened])
        return rows.select(cells.expression(name, settled.kinds[name]) for name in names), settled

    def _early(self, parts: list[Opened]) -> Parsed | None:
        """The columns that begin as numbers parsed as such, as if no word meant missing; None where that can't be."""
        import polars as pl

        from recipeline_plugins.source.csv_structure import is_number
        from recipeline_plugins.source.csv_types import guess_kinds

        # Numbers such as -999 may mean missing.
        if self.decimal != "." or any(is_number(word) and isfinite(float(word)) for word in self._cells().missing):
            return None
        if any(part.head.names != parts[0].head.names for part in parts):
            return None
        try:
            guess = guess_kinds(self._first_rows(parts), parts[0].head.names, self._cells())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # what is wrong is said by who looks at it
            return None
        return self._parsed(parts, guess, [], verify=True) if _quick(guess) else None

    def _quickly(self, opened: list[Opened], parsed: Parsed | None) -> tuple[pl.LazyFrame, Settled] | None:
        """The columns that begin as numbers parsed as numbers by polars itself, the others settled as ever.

        Gives the same rows as `_thoroughly`, or None where it might not: a cell that polars can't parse, a number
        with a leading zero, one that is not finite. A good file of many numbers is read several times faster.
        """
        import polars as pl

        from recipeline_plugins.source.csv_types import guess_kinds, settle

        cells = self._cells()
        names = opened[0].head.names
        rows = self._rows(opened)
        guess = parsed.guess if parsed else guess_kinds(rows, names, cells)
        quick = _quick(guess)
        if not quick or self.decimal != ".":
            return None
        if any(part.structure.leading_zeros for part in opened):
            zeros = rows.select(cells.figure(name, "leading_zero") for name in quick).collect(engine="streaming")
            if any(zeros.row(0)):
                return None
        others = [name for name in names if name not in quick]
        if parsed and parsed.full:
            settled = settle(parsed.file.path, others, cells, self._is_words, guess, parsed.looked)
            if settled.bad or settled.infinite:
                return None
        else:
            settled = settle(rows, others, cells, self._is_words)
            if settled.bad or settled.infinite:
                return None
            # polars looks for the words for missing in every column: not if one of them is a word somewhere.
            apart = bool(settled.marked) and not cells.missing_words
            parsed = self._parsed(opened, guess, [] if apart else list(cells.missing))
            if parsed is None or not parsed.full:
                return None
            gaps = [name for name in quick if parsed.filled[name] < parsed.file.rows]
            self._tell_missing(rows, gaps, cells, settled)
        settled.rows = parsed.file.rows
        settled.kinds |= {name: guess[name] for name in quick}
        typed = pl.scan_ipc(parsed.file.path)
        if all(settled.kinds[name] == "words" for name in others) and not settled.lost:
            self._typed, self._counted = parsed.file, settled.counted
            return typed, settled
        made = [pl.col(name) if name in quick else cells.expression(name, settled.kinds[name]) for name in names]
        return typed.select(made), settled

    def _parsed(
        self, opened: list[Opened], guess: dict[str, Kind], markers: list[str], *, verify: bool = False
    ) -> Parsed | None:
        """A file of the rows with these types; None where a cell has none of them, or there is no row.

        Args:
            opened: The files.
            guess: What each column is taken for.
            markers: Words that mean missing wherever they stand.
            verify: Whether what verifies the guess is counted of the other columns.
        """
        import polars as pl

        from recipeline_plugins.source.csv_types import Counting, to_verify

        quick = _quick(guess)
        others = [name for name in opened[0].head.names if name not in quick] if verify else []
        counting, filled = Counting(to_verify(guess, others), self._cells()), _Filled(quick)
        path = self._copies() / "parsed.arrow"

        def batches() -> Iterator[pl.DataFrame]:
            rows = self._rows(opened, quick, markers)
            size = record_rows(len(opened[0].head.names))
            for batch in rows.collect_batches(chunk_size=size, maintain_order=True, engine="streaming"):
                counting.add(batch)
                filled.add(batch)
                yield batch

        try:
            written = write_batches(batches(), path)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
        return Parsed(written, guess, filled.found, counting.looked()) if written and written.rows else None

    def _tell_missing(self, rows: pl.LazyFrame, names: list[str], cells: Cells, settled: Settled) -> None:
        """Note the columns in which a word means missing."""
        import polars as pl

        if not names:
            return
        figures = [cells.figure(name, "filled") for name in names] + [pl.col(name).count() for name in names]
        found = rows.select(figures).collect(engine="streaming").row(0, named=True)
        for name in names:
            settled.tell_missing(name, found[name] - found[f"filled:{name}"])

    def _cells(self) -> Cells:
        from recipeline_plugins.source.csv_types import Cells

        if self.missing is None:
            return Cells(missing=self.missing_words, missing_words=(), decimal=self.decimal)
        return Cells(missing=tuple(self.missing), missing_words=tuple(self.missing), decimal=self.decimal)

    def _is_words(self, name: str) -> bool:
        """Whether the recipe declares that this column holds no numbers."""
        roles = [role for word, role in self._declared.items() if word == name or fnmatchcase(name, word)]
        return any(role != "numeric" for role in roles)

    def _open(self, file: Path) -> Opened:
        """The file's columns.

        Raises:
            DataError: it is no CSV file, or its header can't be used.
        """
        from recipeline_plugins.source.csv_structure import Structure, read_head
        from recipeline_plugins.source.csv_text import as_utf8

        copies = self._copies
        plain = as_utf8(file, self.encoding, lambda: copies() / f"{len(list(copies().iterdir()))}.csv")
        with plain.open("rb") as stream:
            head = read_head(stream, str(file), self.separator, self.quote, self.header)
        return Opened(file, plain, head, Structure(rows=1))

    def _looked_at(self, part: Opened, *, briefly: bool = False) -> Opened:
        """The file with what its bytes say.

        Args:
            part: The file.
            briefly: A glance is enough where it finds nothing odd: polars parses the file as well.

        Raises:
            DataError: they say that it is damaged.
        """
        from recipeline_plugins.source.csv_glance import glance
        from recipeline_plugins.source.csv_structure import examine

        file = part.file
        with part.plain.open("rb") as stream:
            if briefly and (plain := glance(stream, part.head, self.quote, self.header)) is not None:
                return replace(part, structure=plain, glanced=True)
            stream.seek(0)
            structure = examine(stream, str(file), part.head, self.quote, self.header)
        if structure.problems:
            more = [Problem(f"{structure.more:,} more rows are damaged", file=str(file))] if structure.more else []
            raise DataError(*structure.problems, *more)
        if structure.blank and len(part.head.names) > 1:
            lines = "line is" if len(structure.blank) == 1 else "lines are"
            self._notes.append(f"{file.name}: {len(structure.blank):,} blank {lines} skipped.")
        return replace(part, structure=structure)

    def _first_rows(self, parts: list[Opened]) -> pl.LazyFrame:
        """Rows to guess from, out of no more of the file than it takes: polars would read far ahead."""
        from recipeline_plugins.source.csv_types import HEAD_ROWS

        first = parts[0]
        with first.plain.open("rb") as stream:
            block = stream.read(GUESS_BYTES)
        block = block[: block.rfind(b"\n") + 1]
        quoted = self.quote is not None and self.quote.encode() in block  # the last line may end inside a cell
        if quoted or block.count(b"\n") < first.head.lines + HEAD_ROWS:
            return self._rows(parts)
        return self._plain_rows(BytesIO(block), first.head, {})

    def _rows(
        self,
        opened: list[Opened],
        types: Mapping[str, pl.DataType] | None = None,
        null_values: list[str] | None = None,
    ) -> pl.LazyFrame:
        """The rows of all files; every cell as it stands, null where it is empty, unless a type is given."""
        import polars as pl

        frames = []
        for part in opened:
            frame = self._plain_rows(part.plain, part.head, types or {}, null_values)
            if not part.structure.rows:
                frames.append(pl.LazyFrame(schema=frame.collect_schema()))
                continue
            if part.structure.blank:
                numbered = frame.with_row_index("__recipeline_row__")
                frame = numbered.filter(~pl.col("__recipeline_row__").is_in(part.structure.blank)).drop(
                    "__recipeline_row__"
                )
            frames.append(frame)
        return pl.concat(frames)

    def _plain_rows(
        self,
        file: Path | BytesIO,
        head: Head,
        types: Mapping[str, pl.DataType],
        null_values: list[str] | None = None,
    ) -> pl.LazyFrame:
        import polars as pl

        return pl.scan_csv(
            file,
            has_header=False,
            skip_lines=head.lines,
            separator=head.separator,
            quote_char=self.quote,
            schema={name: pl.String() for name in head.names} | dict(types),
            null_values=null_values,
            glob=False,
        )

    def _copies(self) -> Path:
        """A folder for unpacked and parsed files; it goes on `close`, or when the process ends."""
        if self._unpacked is None:
            self._unpacked = temporary_folder("recipeline-csv")
            atexit.register(shutil.rmtree, self._unpacked, ignore_errors=True)
        return self._unpacked

    def _same_header(self, first: Opened, other: Opened) -> None:
        if other.head.names == first.head.names:
            return
        raise DataError(
            Problem(
                "this file has other columns than the first one",
                file=str(other.file),
                found=", ".join(other.head.names[:12]),
                suggestion=f"Expected: {', '.join(first.head.names[:12])}.",
            )
        )

    def _refuse(self, rows: pl.LazyFrame, settled: Settled, cells: Cells, files: list[tuple[Path, int]]) -> None:
        """Name the cells that don't belong into a column of numbers.

        Raises:
            DataError: there are some.
        """
        import polars as pl

        from recipeline_plugins.source.csv_types import SHOWN

        problems = []
        for name in (*settled.bad, *settled.infinite):
            text = cells.text(name)
            number = cells.number(text)
            wrong = number.is_infinite() if name in settled.infinite else text.is_not_null() & number.is_null()
            found = (
                rows.select(pl.col(name)).with_row_index("__recipeline_row__").filter(wrong).collect(engine="streaming")
            )
            for place, cell in found.sort("__recipeline_row__").head(SHOWN).rows():
                file, row = _place(place, files)
                if name in settled.infinite:
                    message = "a number is infinite or too large for 64 bits"
                    advice = "Write a finite number, or leave the cell empty."
                else:
                    message = "expected a number, as nearly everywhere in this column"
                    advice = (
                        f"Mend the cell, list it in data.source.missing if it means missing, or declare "
                        f"data.columns: {{{name}: categorical}}."
                    )
                problems.append(
                    Problem(message, file=str(file), row=row, field=name, found=_short(cell), suggestion=advice)
                )
            if found.height > SHOWN:
                problems.append(Problem(f"{found.height - SHOWN:,} more cells like this", file=self.path, field=name))
        if problems:
            raise DataError(*problems)


def _quick(guess: Mapping[str, Kind]) -> dict[str, pl.DataType]:
    """The columns that begin as numbers, with the types that they seem to have."""
    import polars as pl

    types: dict[str, pl.DataType] = {"integer": pl.Int64(), "number": pl.Float64()}
    return {name: types[kind] for name, kind in guess.items() if kind in types}


class _Filled:
    """How many values columns of numbers have, batch by batch."""

    def __init__(self, names: Iterable[str]) -> None:
        self.found = dict.fromkeys(names, 0)
        """Empty where a value is not finite."""

    def add(self, batch: pl.DataFrame) -> None:
        """Take in the next rows."""
        import polars as pl

        for name in self.found:
            column = batch[name]
            # A finite sum has finite terms, which is known sooner than it is of each.
            if column.dtype == pl.Float64 and not isfinite(column.sum()) and not column.is_finite().all():
                self.found = {}
                return
            self.found[name] += column.count()


def _place(place: int, files: list[tuple[Path, int]]) -> tuple[Path, int]:
    """File and row, from 1, of a row counted over all files from 0."""
    for file, count in files:
        if place < count:
            return file, place + 1
        place -= count
    raise IndexError(place)


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
