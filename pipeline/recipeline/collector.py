"""Python's cycle collector, kept from looking through everything again and again while modules are imported.

Importing torch, Lightning and MLflow makes a million objects that all stay. As it is set, the collector goes through
them so often that it takes a quarter of the time, and once more, for over a second, when the process ends.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 50, 50)
"""New objects between two looks at the young ones, and these looks between two at the older ones."""

_usual: tuple[int, int, int] | None = None


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Collect seldom until `collect_again` or the end of the block: for a process that begins with its imports."""
    global _usual
    _usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # so that nothing is gone through at the end, when all of it goes
    try:
        yield
    finally:
        gc.set_threshold(*_usual)
        _usual = None


@contextmanager
def left_alone() -> Iterator[None]:
    """Leave what is there alone until the end of the block, in which only what comes in it is looked through.

    A look at everything that torch, Lightning and MLflow have made takes some 200 ms, in which no thread goes on, and
    it may come in any step: sending metrics to a server in the background makes objects enough for it.
    """
    already = gc.get_freeze_count() > 0
    gc.freeze()
    try:
        yield
    finally:
        if not already:
            gc.unfreeze()


def collect_again() -> None:
    """Collect as usual, and leave alone what is there by now: all has been imported, and the work begins."""
    if _usual is not None and gc.get_threshold() == SELDOM:
        gc.freeze()
        gc.set_threshold(*_usual)
