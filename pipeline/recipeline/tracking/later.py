"""What is logged within a step: noted by the thread that trains, and written a fifth of a second later by another one.

To write a point takes a hundred microseconds of a thread whose caches a network has just filled, and as much again of
the steps after it, which have to fill them anew. Several points at once, on another core, take a tenth of that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

DELAY_S = 0.2
"""How long an item waits at most, but for what the machine takes: a process that is killed in between loses it.

Each time the thread wakes, steps of the training wait for the interpreter: of those beside 50 wakes a second 20 took
twice as long as others."""
IDLE = 25
"""Looks without anything to write after which the thread sleeps until there is something."""

T = TypeVar("T")


@dataclass(slots=True)
class Later(Generic[T]):
    """A list that a thread of its own empties."""

    write: Callable[[list[T]], None]
    """Writes items in their order; called from one thread at a time."""
    _items: deque[T] = field(default_factory=deque)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: threading.Event = field(default_factory=threading.Event)
    _awake: bool = False
    _thread: threading.Thread | None = None

    def add(self, item: T) -> None:
        """Have an item written soon. Takes a microsecond while others come."""
        self._items.append(item)
        if not self._awake:
            self._wake()

    def catch_up(self) -> None:
        """Write what waits, now and from here."""
        if not self._items and not self._writing.locked():
            return
        with self._writing:
            items = [self._items.popleft() for _ in range(len(self._items))]
            if items:
                self.write(items)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.catch_up()

    def _wake(self) -> None:
        with self._changed:
            self._awake = True
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._work, name="recipeline-journal", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while not self._ended.is_set():
            with self._changed:
                while not self._awake and not self._ended.is_set():
                    self._changed.wait()
            idle = 0
            while idle < IDLE and not self._ended.wait(DELAY_S):
                idle = 0 if self._items else idle + 1
                self.catch_up()
            self._awake = False
            if self._items:  # added after the last look, by who took the thread for awake
                self._awake = True
