"""The shape of a CSV file, checked byte by byte: rows that are too long or short, stray quotes, bytes of no letter.

polars reads quickly but pads short rows, keeps NUL bytes and says little about where it stumbled. This pass over
the bytes, a block at a time in NumPy, finds what is wrong and in which row.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from recipeline import DataError, Problem

if TYPE_CHECKING:
    from _csv import Reader

    import numpy as np

BLOCK_BYTES = 512 * 1024
"""Bytes that are looked at at once: few enough to stay in the processor's cache."""
HEAD_BYTES = 256 * 1024
"""Bytes at the start of a file that the separator and the header are read from."""
SEPARATORS = (",", ";", "\t", "|")
MOST_PROBLEMS = 5
"""Damaged rows that are named; the rest is counted."""

MAY_BEGIN = ord("-")
"""What a cell or its number begins after comes no later: a line break, a blank, a quote, a sign, a comma."""
BOM = codecs.BOM_UTF8
NEWLINE, RETURN = ord("\n"), ord("\r")


@dataclass(slots=True)
class Head:
    """What the first lines of a file say."""

    separator: str
    names: list[str]
    """The columns' names; without a header column_1, column_2, ..."""
    blank_lines: int
    """Blank lines in front of the first record."""
    lines: int
    """Lines in front of the first data row, blank ones and those of the header."""


@dataclass(slots=True)
class Structure:
    """What the bytes of a file say."""

    rows: int = 0
    """Data rows, blank lines left out."""
    blank: list[int] = field(default_factory=list)
    """Where blank lines stand, counted as rows from 0 with them."""
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    """Damaged rows beyond those in `problems`."""
    leading_zeros: bool = False
    """Whether a cell begins with a zero and another digit, as codes do."""


def read_head(file: BinaryIO, name: str, separator: str | None, quote: str | None, header: bool) -> Head:
    """The separator and the columns' names.

    Raises:
        DataError: the file is empty, or its header can't be used.
    """
    content = file.read(HEAD_BYTES).removeprefix(BOM)
    if not content.strip():
        raise DataError(Problem("the file is empty", file=name, suggestion="Expected a header line and data rows."))
    if b"\n" not in content and b"\r" in content.rstrip(b"\r"):
        raise DataError(
            Problem(
                "the lines end in a carriage return alone, as on very old systems",
                file=name,
                suggestion="Convert them, for example with: tr '\\r' '\\n' < old.csv > new.csv",
            )
        )
    text = content.decode("utf-8", errors="replace")
    lines = text.splitlines(keepends=True)
    blank = next((number for number, line in enumerate(lines) if line.strip("\r\n")), 0)
    text = "".join(lines[blank:])
    found = separator or _separator(text, quote)
    try:
        reader = _records(text, found, quote)
        first = next(reader)
    except (csv.Error, StopIteration) as error:
        raise DataError(Problem(f"the first line can't be read: {error}", file=name, line=blank + 1)) from error
    if not header:
        return Head(found, [f"column_{number}" for number in range(1, len(first) + 1)], blank, blank)
    names = [cell.strip() for cell in first]
    _check_names(names, name, blank + 1)
    return Head(found, names, blank, blank + reader.line_num)


def _records(text: str, separator: str, quote: str | None) -> Reader:
    lines = io.StringIO(text, newline="")
    if quote is None:
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=separator, quotechar=quote)


def _separator(text: str, quote: str | None) -> str:
    """The candidate that cuts the first lines into equally many cells, and into most."""

    def score(candidate: str) -> tuple[float, int]:
        widths = []
        try:
            for record in _records(text, candidate, quote):
                if record:
                    widths.append(len(record))
                if len(widths) == 50:
                    break
        except csv.Error:
            return (0.0, 0)
        if not widths or widths[0] == 1:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    return max(SEPARATORS, key=score)


def _check_names(names: list[str], file: str, line: int) -> None:
    problems = []
    for number, name in enumerate(names, start=1):
        if not name:
            problems.append(
                Problem(
                    f"column {number} has no name",
                    file=file,
                    line=line,
                    suggestion="Give it one in the header, or set header: false if the first line holds data.",
                )
            )
        elif name in names[: number - 1]:
            problems.append(
                Problem(
                    f"two columns have the same name: column {names.index(name) + 1} and column {number}",
                    file=file,
                    line=line,
                    field=name,
                    suggestion="Rename one of them in the header.",
                )
            )
    if not problems and all(is_number(name) for name in names):
        problems.append(
            Problem(
                "the header holds numbers only, so it seems to be data",
                file=file,
                line=line,
                found=", ".join(names[:5]),
                suggestion="Set header: false, or add a line with the columns' names.",
            )
        )
    if problems:
        raise DataError(*problems[:MOST_PROBLEMS])


def is_number(word: str) -> bool:
    """Whether the word is a number, or one of the words for what is not finite."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def examine(file: BinaryIO, name: str, head: Head, quote: str | None, header: bool) -> Structure:
    """Look at every byte of a UTF-8 file.

    Args:
        file: Opened at its start.
        name: What errors call it.
        head: From `read_head`.
        quote: The quoting character, if cells may be quoted.
        header: Whether the first record holds names.
    """
    pass_ = _Pass(name, len(head.names), head.separator, quote, -1 if header else 0, head.blank_lines)
    first = True
    while block := file.read(BLOCK_BYTES):
        pass_.feed(block.removeprefix(BOM) if first else block)
        first = False
    return pass_.finish()


def leading_zeros(data: np.ndarray, separator: int, quote: int | None) -> bool:
    """Whether a zero and another digit stand where a cell begins."""
    import numpy as np

    # A first look that costs little: nothing that a cell may begin after is a digit, a letter or a point.
    first = data[:-2] <= MAY_BEGIN
    if separator > MAY_BEGIN:
        first |= data[:-2] == separator
    first &= data[1:-1] == ord("0")
    first &= (data[2:] - ord("0")) < 10
    if not first.any():
        return False
    zeros = np.flatnonzero(first) + 1
    before = data[zeros - 1]
    signed = (before == ord("+")) | (before == ord("-"))
    before = np.where(signed, data[np.maximum(zeros - 2, 0)], before)
    starts = (before == separator) | (before == NEWLINE) | (before == ord(" "))
    if quote is not None:
        starts |= before == quote
    return bool(starts.any())


class _Pass:
    def __init__(self, name: str, width: int, separator: str, quote: str | None, row: int, skip: int) -> None:
        import numpy as np

        self.found = Structure()
        self._name = name
        self._width = width
        self._separator = ord(separator)
        self._quote = ord(quote) if quote else None
        self._row = row - skip  # of the record under way, from 0; the header and what stands before it are below 0
        self._start = row
        self._cells = 0  # separators of the record under way, so far
        self._length = 0  # its bytes so far
        self._inside = False  # whether it is inside quotes
        self._opened = 0  # the row where the last quote was opened
        self._before = NEWLINE
        self._closing = False  # whether the last byte may have closed a quoted cell
        self._tail = np.full(1, NEWLINE, dtype=np.uint8)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._undecodable = False
        self._lost: int | None = None  # the row of a stray quote: what follows it can't be told apart any more

    def feed(self, block: bytes) -> None:
        """Look at the next bytes."""
        import numpy as np

        data = np.frombuffer(block, dtype=np.uint8)
        ends = data == NEWLINE
        cuts = data == self._separator
        if self._quote is not None and (self._inside or self._closing or block.find(self._quote) >= 0):
            quotes = data == self._quote
            inside = (np.cumsum(quotes, dtype=np.uint32) + self._inside) % 2 == 1  # after each byte
            outside = ~inside
            ends &= outside
            cuts &= outside
            self._check_quotes(data, quotes, inside, ends)
            self._inside = bool(inside[-1])
        line_ends = np.flatnonzero(ends)
        self.found.leading_zeros = self.found.leading_zeros or self._has_leading_zeros(data)
        self._check_letters(block, line_ends)
        if not self._all_fine(data, cuts, line_ends):
            self._count(data, cuts, line_ends)
        self._before = int(data[-1])

    def _all_fine(self, data: np.ndarray, cuts: np.ndarray, line_ends: np.ndarray) -> bool:
        """Count cells where every record that ends in this block has as many as it should; False where one has not.

        Sums of bytes, so modulo 256, and one exact sum over all: no record can make up for another's cells then. That
        takes half as long as the places of all separators.
        """
        import numpy as np

        if not 2 <= self._width <= 256 or not len(line_ends):
            return False
        until = int(line_ends[-1]) + 1
        starts = np.concatenate([[0], line_ends[:-1] + 1])
        cells = np.add.reduceat(cuts[:until].view(np.uint8), starts)
        cells[0] = (int(cells[0]) + self._cells) % 256
        if (cells != self._width - 1).any():
            return False
        if self._cells + np.count_nonzero(cuts[:until]) != len(line_ends) * (self._width - 1):
            return False
        self._row += len(line_ends)
        self._cells = int(np.count_nonzero(cuts[until:]))
        self._length = len(data) - until
        return True

    def _has_leading_zeros(self, data: np.ndarray) -> bool:
        import numpy as np

        data = np.concatenate([self._tail, data])  # a cell may begin in one block and go on in the next
        self._tail = data[-3:]
        return leading_zeros(data, self._separator, self._quote)

    def finish(self) -> Structure:
        """Look at what is left when the file ends, and return what was found."""
        if self._inside and self._lost is None:
            self._problem(
                self._opened,
                "a quoted cell is never closed",
                "Close the quote, double a quote that is part of the text, or set quote: null.",
            )
        if self._length:
            self._record(self._row, self._cells, self._length == 1 and self._before == RETURN)
            self._row += 1
        self._undecodable = self._undecodable or self._end_of_letters()
        rows = self._row
        if self._width == 1:  # a blank line of a single column is a missing value, unless nothing follows it
            while self.found.blank and self.found.blank[-1] == rows - 1:
                rows -= 1
                self.found.blank.pop()
            self.found.blank = list(range(rows, self._row))
        self.found.rows = self._row - len(self.found.blank)
        return self.found

    def _count(self, data: np.ndarray, cuts: np.ndarray, line_ends: np.ndarray) -> None:
        """Cells of every record that ends in this block."""
        import numpy as np

        places = np.flatnonzero(cuts)
        if not len(line_ends):
            self._cells += len(places)
            self._length += len(data)
            return
        until = np.searchsorted(places, line_ends)
        cells = np.diff(until, prepend=0)
        cells[0] += self._cells
        lengths = np.diff(line_ends, prepend=-1) - 1
        lengths[0] += self._length
        odd = np.flatnonzero((cells != self._width - 1) | (lengths <= 1))
        for record in odd:
            end = int(line_ends[record])
            last = int(data[end - 1]) if end else self._before
            length = int(lengths[record])
            self._record(self._row + int(record), int(cells[record]), length == 0 or (length == 1 and last == RETURN))
        self._row += len(line_ends)
        self._cells = len(places) - int(until[-1])
        self._length = len(data) - 1 - int(line_ends[-1])

    def _record(self, row: int, cells: int, blank: bool) -> None:
        if row < self._start or (self._start == -1 and row == -1):
            return
        if blank:
            self.found.blank.append(row)
        elif cells != self._width - 1:
            kind = "long" if cells >= self._width else "short"
            self._problem(
                row,
                f"the row is too {kind}: {cells + 1} cells instead of {self._width}",
                "Mend the row. A cell that holds the separator must stand in quotes.",
            )

    def _check_quotes(self, data: np.ndarray, quotes: np.ndarray, inside: np.ndarray, ends: np.ndarray) -> None:
        """A quote opens a cell at its start and closes it at its end; in between it is doubled."""
        import numpy as np

        before = np.empty_like(data)
        before[0] = self._before
        before[1:] = data[:-1]
        starts = (before == self._separator) | (before == NEWLINE) | (before == self._quote)
        opening = np.flatnonzero(quotes & inside)
        closing = np.flatnonzero(quotes & ~inside)
        row_of = np.flatnonzero(ends)
        follows = [self._closing] if self._closing else []
        bad_close: list[int] = []
        if follows and not self._may_follow(int(data[0])):
            bad_close.append(0)
        inner = closing[closing < len(data) - 1]
        after = data[inner + 1]
        fine = (
            (after == self._separator) | (after == NEWLINE) | (after == RETURN) | (after == self._quote)
        )  # a carriage return inside a line is caught by the row's cells
        bad_close += inner[~fine].tolist()
        bad_open = opening[~starts[opening]].tolist()
        strays = [(place, True) for place in bad_open[:1]] + [(place, False) for place in bad_close[:1]]
        if strays and self._lost is None:
            place, is_open = min(strays)
            row = self._row + int(np.searchsorted(row_of, place))
            message = "a quote stands inside a cell that doesn't begin with one"
            advice = "Put the whole cell in quotes and double the quote inside, or set quote: null."
            if not is_open:
                message = "a quoted cell goes on after its closing quote"
                advice = "Double a quote that is part of the text. An earlier quote may never have been closed."
            self._problem(row, message, advice)
            self._lost = row
        if len(opening):
            self._opened = self._row + int(np.searchsorted(row_of, opening[-1]))
        self._closing = bool(len(closing)) and int(closing[-1]) == len(data) - 1

    def _may_follow(self, byte: int) -> bool:
        return byte in (self._separator, NEWLINE, RETURN, self._quote)

    def _check_letters(self, block: bytes, line_ends: np.ndarray) -> None:
        import numpy as np

        place = block.find(b"\0")
        if place >= 0:
            self._problem(
                self._row + int(np.searchsorted(line_ends, place)),
                "there is a NUL byte",
                "Remove it. A file full of them is UTF-16: set encoding: utf-16.",
            )
        if self._undecodable or (block.isascii() and not self._decoder.getstate()[0]):
            return
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block)
        except UnicodeDecodeError as error:
            place = max(0, error.start - pending)
            self._letter(self._row + int(np.searchsorted(line_ends, place)), error.object[error.start])

    def _end_of_letters(self) -> bool:
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            self._letter(self._row - 1, error.object[error.start])
        return self._undecodable

    def _letter(self, row: int, byte: int) -> None:
        self._undecodable = True
        self._problem(
            row,
            f"the byte 0x{byte:02X} is no UTF-8",
            "If the file comes from an older Windows or Excel, set encoding: cp1252; otherwise try encoding: latin-1.",
        )

    def _problem(self, row: int, message: str, suggestion: str) -> None:
        if self._lost is not None and row >= self._lost:
            return
        if len(self.found.problems) >= MOST_PROBLEMS:
            self.found.more += 1
            return
        in_header = row < 0
        self.found.problems.append(
            Problem(
                message,
                file=self._name,
                line=1 if in_header else None,
                row=None if in_header else row + 1,
                suggestion=suggestion,
            )
        )
