"""The one door through which a run's numbers, params and tags leave: queued at once, sent in the background.

Putting something in takes microseconds and never fails. A sender thread takes what has gathered, in batches as large
as MLflow takes them, and tries again when that fails. Timestamps are those of the moment when something was put in,
so that sending a row twice is the same as sending it once: MLflow's key of a metric holds its timestamp.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

METRICS_PER_BATCH = 1000
OTHERS_PER_BATCH = 100
"""MLflow takes 1000 metrics, 100 params and 100 tags at once, and 1000 of all together."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One point of a curve."""

    key: str
    value: float
    timestamp: int
    """Milliseconds since 1970, when it was logged."""
    step: int


@dataclass(frozen=True, slots=True)
class ParamRow:
    """One param, which can't be changed once it is sent."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag; the last one sent counts."""

    key: str
    value: str


Row = MetricRow | ParamRow | TagRow


class Refused(Exception):
    """The store will never take this: trying again is of no use."""


@dataclass(slots=True)
class Outbox:
    """A queue with a thread that empties it."""

    send: Callable[[list[Row]], None]
    """Sends a batch. Raises `Refused` for what will never be taken, anything else for what may be later."""
    pause_s: float = 1.0
    """How long rows gather before they are sent."""
    first_wait_s: float = 0.5
    """How long to wait before the second try; twice as long each time after that."""
    longest_wait_s: float = 30.0
    words: Callable[[Exception], str] = lambda error: f"{type(error).__name__}: {error}"
    """What to say of a failure."""
    sent: int = 0
    """How many rows the store has taken."""
    refused: list[tuple[Row, str]] = field(default_factory=list)
    """Rows that the store will never take, and why."""
    trouble: str | None = None
    """The latest failure while rows still wait; None while all is well."""
    failures: int = 0
    """How many tries have failed."""
    _rows: deque[Row] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _hurry: bool = False
    _closing: bool = False
    _thread: threading.Thread | None = None

    def put(self, rows: Iterable[Row]) -> None:
        """Queue rows in this order."""
        with self._changed:
            before = len(self._rows)
            self._rows.extend(rows)
            if self._thread is None and self._rows:
                self._thread = threading.Thread(target=self._work, name="recipeline-tracking", daemon=True)
                self._thread.start()
            if not before or len(self._rows) >= METRICS_PER_BATCH:
                self._changed.notify_all()

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._rows)

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
        """Send what waits and end the thread. False when some of it could not be sent."""
        done = self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and done:
            self._thread.join(timeout_s)
        return done

    def _work(self) -> None:
        wait = self.first_wait_s
        while True:
            with self._changed:
                while not self._rows and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                if not self._hurry and len(self._rows) < METRICS_PER_BATCH:
                    self._changed.wait(self.pause_s)
                batch = self._batch()
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

    def _rest(self, wait_s: float) -> None:
        """Wait before the next try: not long when a run is waiting to end."""
        begun = monotonic()
        while not self._closing:
            left = begun + (min(wait_s, 1.0) if self._hurry else wait_s) - monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _batch(self) -> list[Row]:
        """The next rows, as many as MLflow takes at once. They stay in the queue until they are delivered."""
        batch: list[Row] = []
        others = 0
        for row in self._rows:
            others += not isinstance(row, MetricRow)
            if others > OTHERS_PER_BATCH or len(batch) == METRICS_PER_BATCH:
                break
            batch.append(row)
        return batch

    def _deliver(self, batch: list[Row]) -> None:
        """Send a batch; when the store refuses it, find out which of its rows it refuses."""
        try:
            self.send(batch)
            self.sent += len(batch)
        except Refused as refusal:
            if len(batch) == 1:
                self.refused.append((batch[0], str(refusal)))
                return
            half = len(batch) // 2
            self._deliver(batch[:half])
            self._deliver(batch[half:])
