"""The one door through which a run's numbers, params, tags and files leave: queued at once, sent in the background.

Putting something in takes microseconds and never fails. A sender thread takes what has gathered, in batches as large
as MLflow takes them, and tries again when that fails. Timestamps are those of the moment when something was put in,
so that sending a row twice is the same as sending it once: MLflow's key of a metric holds its timestamp.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from recipeline.tracking.rows import MetricRow, Row, is_small

METRICS_PER_BATCH = 1000
OTHERS_PER_BATCH = 100
"""MLflow takes 1000 metrics, 100 params and 100 tags at once, and 1000 of all together."""

PIECE = 200
"""Metrics at once while a training goes on: making a request of them keeps the interpreter for some 8 ms, of 1000 for
some 30, in which the training's steps get longer."""

BEAT_S = 1.0
"""Seconds between two beats at most, while rows wait."""

Numbered = tuple[int, Row]
"""A row and its number in the journal."""


class Refused(Exception):
    """The store will never take this: trying again is of no use."""


class Aside(Exception):
    """The store did not take this just now, and has no reason to refuse what comes after it."""


@dataclass(slots=True)
class Outbox:
    """A queue with a thread that empties it."""

    send: Callable[[list[Row]], None]
    """Sends a batch: one row, or several small ones. Raises `Refused` for what will never be taken, `Aside` for what
    may be later and keeps nothing else waiting, anything else for what may be later."""
    pause_s: float = 2.0
    """How long rows gather before they are sent. MLflow takes 5 ms of the interpreter for a request to SQLite and
    another tenth for each metric in it: at 100 metrics a second 1.5 % of the time once a second, every two 1.1 %."""
    first_wait_s: float = 0.5
    """How long to wait before the second try; twice as long each time after that."""
    longest_wait_s: float = 10.0
    words: Callable[[Exception], str] = lambda error: f"{type(error).__name__}: {error}"
    """What to say of a failure."""
    beat: Callable[[], None] = lambda: None
    """Called about once a second while rows wait: the moment to make them last."""
    taken: Callable[[Sequence[int]], None] = lambda _numbers: None
    """Hears the numbers of the rows that are dealt with."""
    sent: int = 0
    """How many rows the store has taken."""
    refused: list[tuple[Row, str]] = field(default_factory=list)
    """Rows that the store will never take, and why."""
    aside: list[tuple[Numbered, str]] = field(default_factory=list)
    """Rows put aside, and why: tried once more when the box is closed."""
    trouble: str | None = None
    """The latest failure while rows still wait; None while all is well."""
    failures: int = 0
    """How many tries have failed."""
    _rows: deque[Numbered] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _hurry: bool = False
    _closing: bool = False
    _thread: threading.Thread | None = None

    def put(self, rows: Iterable[Row], first: int = 0) -> None:
        """Queue rows in this order, the first of which has this number."""
        with self._changed:
            before = len(self._rows)
            self._rows.extend(enumerate(rows, first))
            if self._thread is None and self._rows:
                self._thread = threading.Thread(target=self._work, name="recipeline-tracking", daemon=True)
                self._thread.start()
            if not before or len(self._rows) >= PIECE:
                self._changed.notify_all()

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._rows) + len(self.aside)

    def waiting(self) -> list[Row]:
        """The rows that wait."""
        with self._changed:
            return [row for _, row in self._rows] + [row for (_, row), _ in self.aside]

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Send what waits now. False when some of it still waits after so many seconds."""
        limit = monotonic() + timeout_s
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            while self._rows:
                left = limit - monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.2))
        return True

    def close(self, timeout_s: float = 30.0) -> bool:
        """Send what waits, what was put aside once more, and end the thread. False when something is left."""
        done = self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and done:
            self._thread.join(timeout_s)
            again, self.aside = self.aside, []
            for numbered, _ in again:
                self._deliver([numbered])
        return not len(self)

    def drain(self, rows: Iterable[Numbered]) -> None:
        """Send these rows now, from here, each batch once.

        Raises:
            Exception: what `send` raises; the rest is not sent then.
        """
        self._rows.extend(rows)
        while self._rows:
            batch = self._batch()
            self._deliver(batch)
            for _ in batch:
                self._rows.popleft()

    def _work(self) -> None:
        wait = self.first_wait_s
        while True:
            with self._changed:
                while not self._rows and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
            self._gather()
            with self._changed:
                batch = self._batch(METRICS_PER_BATCH if self._hurry else PIECE)
            self.beat()
            try:
                self._deliver(batch)
            except Exception as error:
                with self._changed:
                    self.failures += 1
                    self.trouble = self.words(error)
                    self._rest(wait)
                wait = min(2 * wait, self.longest_wait_s)
                continue
            wait = self.first_wait_s
            with self._changed:
                for _ in batch:
                    self._rows.popleft()
                self.trouble = None
                if not self._rows:
                    self._hurry = False
                self._changed.notify_all()

    def _gather(self) -> None:
        """Wait until there is enough for a request, or has been waited long enough."""
        limit = monotonic() + self.pause_s
        while True:
            with self._changed:
                left = limit - monotonic()
                if self._hurry or self._closing or len(self._rows) >= PIECE or left <= 0:
                    return
                self._changed.wait(min(left, BEAT_S))
            self.beat()

    def _rest(self, wait_s: float) -> None:
        """Wait before the next try: not long when a run is waiting to end."""
        begun = monotonic()
        while not self._closing:
            self.beat()
            left = begun + (min(wait_s, 1.0) if self._hurry else wait_s) - monotonic()
            if left <= 0:
                return
            self._changed.wait(min(left, BEAT_S))

    def _batch(self, most: int = METRICS_PER_BATCH) -> list[Numbered]:
        """The next rows, as many as MLflow takes at once. They stay in the queue until they are delivered."""
        batch: list[Numbered] = []
        others = 0
        for number, row in self._rows:
            if not is_small(row):
                return batch or [(number, row)]
            others += not isinstance(row, MetricRow)
            if others > OTHERS_PER_BATCH or len(batch) == most:
                break
            batch.append((number, row))
        return batch

    def _deliver(self, batch: list[Numbered]) -> None:
        """Send a batch; when the store refuses it, find out which of its rows it refuses."""
        try:
            self.send([row for _, row in batch])
        except Aside as error:
            self.aside += [(numbered, str(error)) for numbered in batch]
        except Refused as refusal:
            if len(batch) == 1:
                self.refused.append((batch[0][1], str(refusal)))
                self.taken([batch[0][0]])
                return
            half = len(batch) // 2
            self._deliver(batch[:half])
            self._deliver(batch[half:])
        else:
            self.sent += len(batch)
            self.taken([number for number, _ in batch])
