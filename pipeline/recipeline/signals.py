"""SIGINT and SIGTERM as an exception, so that everything on the way out is put away."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from recipeline.errors import Interrupted

_SET_PARENT_DEATH_SIGNAL = 1
"""`prctl`'s number for it, from <linux/prctl.h>."""


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


def raise_interruption(error: BaseException) -> None:
    """Raise the `Interrupted` that an error was made of, if it was: MLflow wraps a signal that meets it at work."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Interrupted):
            raise cause
        cause = cause.__cause__ or cause.__context__


def die_with_parent() -> None:
    """End this process when the one that started it ends, however that happens: nobody else would. Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
