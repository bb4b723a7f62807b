"""Rows from CSV files: every cell accounted for, every damaged row named."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PrivateAttr

from recipeline import DataError, Problem, Role, Source

if TYPE_CHECKING:
    import polars as pl

    from recipeline_plugins.source.csv_structure import Head, Structure
    from recipeline_plugins.source.csv_types import Cells, Settled

PACKED = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\xfd7zXZ": "packed with xz",
    b"BZh": "packed with bzip2",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"PAR1": "a Parquet file",
}
"""Files that are no CSV, by their first bytes."""

GZIP = b"\x1f\x8b"


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

    def expect(self, roles: Mapping[str, Role]) -> None:
        """Remember which columns the recipe declares to be no numbers."""
        self._declared = dict(roles)

    def notes(self) -> Sequence[str]:
        """What was read as missing or as words, and which lines were skipped."""
        return tuple(self._notes)

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
        import polars as pl

        from recipeline_plugins.source.csv_types import settle

        self._notes = []
        files = self.files(self.path)
        frames = []
        counts = []
        first: Head | None = None
        for file in files:
            head, structure, frame = self._open(file)
            if first is None:
                first = head
            self._same_header(first, head, file)
            frames.append(frame)
            counts.append(structure.rows)
        assert first is not None
        if not sum(counts):
            raise DataError(
                Problem(
                    "there are no rows" + (" below the header" if self.header else ""),
                    file=self.path,
                    suggestion="Name a file with data.",
                )
            )
        rows = pl.concat(frames)
        cells = self._cells()
        settled = settle(rows, first.names, cells, self._is_words)
        if settled.rows != sum(counts):  # whoever counts wrong, a row of an error would be another one
            raise DataError(
                Problem(
                    "quotes and line breaks can be read in two ways",
                    file=self.path,
                    found=f"{sum(counts):,} or {settled.rows:,} rows",
                    suggestion="Put every cell with a quote or a line break in quotes, or set quote: null.",
                )
            )
        self._refuse(rows, settled, cells, list(zip(files, counts, strict=True)))
        self._notes += settled.notes
        self._row_files = [(str(file), count) for file, count in zip(files, counts, strict=True)]
        return rows.select(cells.expression(name, settled.kinds[name]) for name in first.names)

    def _cells(self) -> Cells:
        from recipeline_plugins.source.csv_types import Cells

        if self.missing is None:
            return Cells(missing=self.missing_words, missing_words=(), decimal=self.decimal)
        return Cells(missing=tuple(self.missing), missing_words=tuple(self.missing), decimal=self.decimal)

    def _is_words(self, name: str) -> bool:
        """Whether the recipe declares that this column holds no numbers."""
        roles = [role for word, role in self._declared.items() if word == name or fnmatchcase(name, word)]
        return any(role != "numeric" for role in roles)

    def _open(self, file: Path) -> tuple[Head, Structure, pl.LazyFrame]:
        """The file's columns, what its bytes say, and its cells as they stand."""
        import polars as pl

        from recipeline_plugins.source.csv_structure import examine, read_head

        plain = self._plain(file)
        with plain.open("rb") as stream:
            head = read_head(stream, str(file), self.separator, self.quote, self.header)
            stream.seek(0)
            structure = examine(stream, str(file), head, self.quote, self.header)
        if structure.problems:
            last = structure.problems[-1]
            if structure.more:
                more = Problem(f"{structure.more:,} more rows are damaged", file=last.file)
                raise DataError(*structure.problems, more)
            raise DataError(*structure.problems)
        if structure.blank and len(head.names) > 1:
            lines = "line is" if len(structure.blank) == 1 else "lines are"
            self._notes.append(f"{file.name}: {len(structure.blank):,} blank {lines} skipped.")
        if not structure.rows:
            return head, structure, pl.LazyFrame(schema=dict.fromkeys(head.names, pl.String))
        frame = pl.scan_csv(
            plain,
            has_header=self.header,
            separator=head.separator,
            quote_char=self.quote,
            skip_lines=head.blank_lines,
            infer_schema=False,
            new_columns=head.names,
            glob=False,
        )
        if structure.blank:
            numbered = frame.with_row_index("__row__")
            frame = numbered.filter(~pl.col("__row__").is_in(structure.blank)).drop("__row__")
        return head, structure, frame

    def _plain(self, file: Path) -> Path:
        """The file as UTF-8: itself, or a copy that is unpacked and decoded."""
        with file.open("rb") as stream:
            start = stream.read(8)
        for magic, what in PACKED.items():
            if start.startswith(magic):
                raise DataError(
                    Problem(
                        "this is no CSV file",
                        file=str(file),
                        found=what,
                        suggestion="Unpack it, or save it as CSV; Parquet has a source of its own: parquet.",
                    )
                )
        if self.encoding == "utf-8" and start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(Problem("the file is UTF-16", file=str(file), suggestion="Set encoding: utf-16."))
        packed = start.startswith(GZIP)
        if not packed and self.encoding == "utf-8":
            return file
        copy = self._copies() / f"{len(list(self._copies().iterdir()))}.csv"
        try:
            with gzip.open(file, "rb") if packed else file.open("rb") as source, copy.open("wb") as target:
                if self.encoding == "utf-8":
                    shutil.copyfileobj(source, target, 1024**2)
                else:
                    self._decode(source, target)
        except UnicodeError as error:
            raise DataError(
                Problem(
                    f"the file is not {self.encoding}: {error}", file=str(file), suggestion="Try encoding: latin-1."
                )
            ) from error
        except (OSError, EOFError) as error:
            raise DataError(Problem(f"the file can't be unpacked: {error}", file=str(file))) from error
        return copy

    def _decode(self, source: object, target: object) -> None:
        import codecs

        reader = codecs.getreader(self.encoding)(source)  # type: ignore[arg-type]
        while text := reader.read(1024**2):
            target.write(text.encode("utf-8"))  # type: ignore[attr-defined]

    def _copies(self) -> Path:
        """A folder for unpacked files; it goes when this source does."""
        if self._unpacked is None:
            self._unpacked = Path(tempfile.mkdtemp(prefix="recipeline-csv-"))
            weakref.finalize(self, shutil.rmtree, self._unpacked, ignore_errors=True)
        return self._unpacked

    def _same_header(self, first: Head, head: Head, file: Path) -> None:
        if head.names == first.names:
            return
        raise DataError(
            Problem(
                "this file has other columns than the first one",
                file=str(file),
                found=", ".join(head.names[:12]),
                suggestion=f"Expected: {', '.join(first.names[:12])}.",
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
            found = rows.select(pl.col(name)).with_row_index("__row__").filter(wrong).collect(engine="streaming")
            for place, cell in found.sort("__row__").head(SHOWN).rows():
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


def _place(place: int, files: list[tuple[Path, int]]) -> tuple[Path, int]:
    """File and row, from 1, of a row counted over all files from 0."""
    for file, count in files:
        if place < count:
            return file, place + 1
        place -= count
    raise IndexError(place)


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
