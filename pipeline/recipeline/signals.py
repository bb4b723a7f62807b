"""SIGINT and SIGTERM as an exception, so that everything on the way out is put away."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from recipeline.errors import Interrupted


@contextmanager
def interruptions() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted`, so that everything on the way out is put away.

    Not KeyboardInterrupt: Lightning ends the process on that one. Only the main thread may set handlers.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in watched:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    watched: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, interrupt) for number in watched}
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
