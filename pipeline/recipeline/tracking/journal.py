"""A run's journal: all that it tells MLflow, written to a local file first, so that no outage and no kill loses it.

One line a record, only ever appended: a checksum, then JSON. What a process has written stays when it is killed; what
was synced, which happens about once a second, stays when the machine is. A last line that was not written to its end
is known by its checksum and left out; one that is damaged elsewhere is counted. The records:

    open    what the run is called and where it goes
    run     MLflow's id of it, once MLflow has made it
    row     a metric, param, tag, file, input, model or status, numbered from 0 in their order
    sent    which rows MLflow has, by their numbers: from, and up to but not including
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any
from zlib import crc32

from recipeline.errors import Problem, UsageError
from recipeline.storage.atomic import sync_folder
from recipeline.tracking.rows import MetricRow, ParamRow, Row, StatusRow, as_list, from_list

FILE = "journal.jsonl"

_AS_JSON = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: `json.dumps` makes another encoder for each record, which takes as long as the record."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a run is called and where it goes."""

    local_id: str
    """Its own id, which it has before MLflow has given one; a tag of the run in MLflow."""
    name: str
    experiment: str
    uri: str
    """The store, without passwords and values from the environment."""
    tags: dict[str, str]
    started: int
    """Milliseconds since 1970."""
    join: str | None = None
    """MLflow's id of the run to go on with; None for a new one."""


@dataclass(slots=True)
class Content:
    """What a journal holds."""

    opening: Opening
    run_id: str | None = None
    """MLflow's id; None while MLflow has not made the run."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By their numbers."""
    sent: set[int] = field(default_factory=set)
    """The numbers of the rows that MLflow has."""
    damaged: int = 0
    """Lines that can't be read, the last one apart."""
    length: int = 0
    """Bytes up to the end of the last whole line."""

    @property
    def pending(self) -> list[tuple[int, Row]]:
        """The rows that MLflow does not have, with their numbers."""
        return [(number, row) for number, row in self.rows.items() if number not in self.sent]

    @property
    def status(self) -> str:
        """The run's latest status."""
        return next((row.key for row in reversed(self.rows.values()) if isinstance(row, StatusRow)), "RUNNING")

    @property
    def params(self) -> dict[str, str]:
        """Every param."""
        return {row.key: row.value for row in self.rows.values() if isinstance(row, ParamRow)}

    @property
    def metrics(self) -> Iterator[MetricRow]:
        """Every metric."""
        return (row for row in self.rows.values() if isinstance(row, MetricRow))


class Journal:
    """A journal that is being written. Every method may be called from any thread."""

    def __init__(self, folder: Path, rows: int = 0) -> None:
        self.folder = folder
        self.count = rows
        """Rows written so far: the next one's number."""
        self._lock = threading.Lock()
        self._handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._synced = True
        self._broken = False

    @classmethod
    def create(cls, folder: Path, opening: Opening) -> Journal:
        """Begin the journal of a new run in a folder of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder)
        journal._write([["open", asdict(opening)]])
        journal.sync()
        sync_folder(folder)
        sync_folder(folder.parent)
        return journal

    @classmethod
    def go_on(cls, folder: Path) -> tuple[Journal, Content]:
        """Go on writing a run's journal, after its last whole line."""
        content = read_journal(folder)
        if content.length < (folder / FILE).stat().st_size:
            os.truncate(folder / FILE, content.length)
        return cls(folder, max(content.rows, default=-1) + 1), content

    def note_run(self, run_id: str) -> None:
        """Note MLflow's id of the run."""
        self._write([["run", run_id]])

    def note_sent(self, numbers: Iterable[int]) -> None:
        """Note the rows that MLflow has."""
        self._write(["sent", start, end] for start, end in _ranges(sorted(numbers)))

    def append(self, rows: Iterable[Row]) -> int:
        """Write rows, and return the first one's number.

        Raises:
            OSError: they can't be written.
        """
        with self._lock:
            first = self.count
            lines = [_row_line(number, row) for number, row in enumerate(rows, first)]
            self.count += len(lines)
            self._put(b"".join(lines))
        return first

    def sync(self) -> None:
        """Make what was written outlast the machine."""
        if not self._synced:
            self._synced = True
            os.fsync(self._handle)

    def close(self) -> None:
        """Sync, and write no more."""
        with self._lock:
            if self._handle >= 0:
                self.sync()
                os.close(self._handle)
                self._handle = -1

    def _write(self, records: Iterable[list[Any]]) -> None:
        with self._lock:
            self._put(b"".join(line(record) for record in records))

    def _put(self, content: bytes) -> None:
        # After a write that failed halfway the next one begins a line of its own.
        if self._broken:
            content = b"\n" + content
        self._broken = True
        while content and self._handle >= 0:
            content = content[os.write(self._handle, content) :]
            self._synced = False
        self._broken = False


def line(record: list[Any]) -> bytes:
    """One record as the journal holds it."""
    return _checked(_AS_JSON(record).encode())


def _row_line(number: int, row: Row) -> bytes:
    if isinstance(row, MetricRow) and isfinite(row.value):
        # The same as below in a third of the time, which is that of a step of the training.
        key, value, timestamp, step = row
        return _checked(f'["row",{number},"metric",{_AS_JSON(key)},{float(value)!r},{timestamp},{step}]'.encode())
    return line(["row", number, *as_list(row)])


def _checked(body: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(body), body)


def read_journal(folder: Path) -> Content:
    """All that can be read of a run's journal.

    Raises:
        UsageError: its beginning is missing or damaged, so that nobody knows whose it is.
    """
    found: Content | None = None
    place, damaged = 0, 0
    with (folder / FILE).open("rb") as lines:
        for text in lines:
            place += len(text)
            record = _record(text)
            if record is None:
                damaged += text.endswith(b"\n")
                continue
            try:
                found = _taken(found, record)
            except (LookupError, TypeError, ValueError, AttributeError):  # whole, and of somebody else's making
                damaged += 1
                continue
            if found is not None:
                found.length = place
    if found is None:
        raise UsageError(
            Problem(
                "this journal's beginning can't be read, so that nobody knows whose it is",
                file=str(folder / FILE),
                suggestion="What lies beside it, such as checkpoints, is untouched.",
            )
        )
    found.damaged = damaged
    return found


def _taken(content: Content | None, record: list[Any]) -> Content | None:
    if record[0] == "open":
        known = {each.name for each in fields(Opening)}
        return Content(Opening(**{key: value for key, value in record[1].items() if key in known}))
    if content is not None:
        _take(content, record)
    return content


def _record(text: bytes) -> list[Any] | None:
    body = text[9:-1]
    if not text.endswith(b"\n") or text[:9] != b"%08x " % crc32(body):
        return None
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, list) and record else None


def _take(content: Content, record: list[Any]) -> None:
    kind, *values = record
    if kind == "run":
        content.run_id = values[0]
    elif kind == "row":
        content.rows[values[0]] = from_list(values[1:])
    elif kind == "sent":
        content.sent.update(range(*values))


def _ranges(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = end = None
    for number in numbers:
        if number != end:
            if start is not None and end is not None:
                yield start, end
            start = number
        end = number + 1
    if start is not None and end is not None:
        yield start, end


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
