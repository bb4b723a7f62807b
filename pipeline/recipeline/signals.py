"""SIGINT and SIGTERM as an exception, so that everything on the way out is put away."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from recipeline.errors import Interrupted

SIGUSR1 = 10
"""By its number on Linux: Windows has no such signal."""

_SET_PARENT_DEATH_SIGNAL = 1
"""`prctl`'s number for it, from <linux/prctl.h>."""


def watched() -> Sequence[signal.Signals]:
    """The signals that end a run; in a job of SLURM the one too by which it says that the time is up."""
    ours = (signal.SIGINT, signal.SIGTERM)
    return (*ours, signal.SIGUSR1) if "SLURM_JOB_ID" in os.environ and os.name == "posix" else ours


@contextmanager
def interruptions() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted`, so that everything on the way out is put away.

    Not KeyboardInterrupt: Lightning ends the process on that one. Only the main thread may set handlers.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if _deferred and _deferred[-1].number is None:
            _deferred[-1].number = number
            return
        _interrupt(number)

    try:
        before = {number: signal.signal(number, interrupt) for number in watched()}
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int) -> None:
    for each in watched():  # another one must not disturb the putting away
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


@dataclass(slots=True)
class Deferral:
    """A signal that waits until somebody is ready for it."""

    number: int | None = None
    """Which one; None as long as there is none."""
    handler: Any = None
    """Who is told of SIGTERM."""

    def hold(self) -> None:
        """Take SIGTERM back from a library that has put itself in front; not on SLURM, where it knows what to do."""
        if callable(self.handler) and "SLURM_JOB_ID" not in os.environ:
            signal.signal(signal.SIGTERM, self.handler)

    def raise_now(self) -> None:
        """Raise the interruption, if there is one."""
        if self.number is not None:
            _interrupt(self.number)


_deferred: list[Deferral] = []


@contextmanager
def deferring() -> Iterator[Deferral]:
    """Let the first signal wait for `raise_now`, at the latest for the block's end; a second one acts at once."""
    main = threading.current_thread() is threading.main_thread()
    deferral = Deferral(handler=signal.getsignal(signal.SIGTERM) if main else None)
    _deferred.append(deferral)
    try:
        yield deferral
    finally:
        _deferred.remove(deferral)
    deferral.raise_now()


def raise_interruption(error: BaseException) -> None:
    """Raise the `Interrupted` that an error was made of, if it was: MLflow wraps a signal that meets it at work."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Interrupted):
            raise cause
        cause = cause.__cause__ or cause.__context__


def die_with_parent(starter: int | None = None) -> None:
    """End this process when the one that started it ends, however that happens: nobody else would. Linux alone.

    Args:
        starter: Who has started it. If that is no longer its parent it ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if starter is not None and os.getppid() != starter:  # ended before it was asked for
            os._exit(1)
