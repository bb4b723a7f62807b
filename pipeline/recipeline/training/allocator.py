"""The C library's memory, kept while training: what one step frees, the next one takes again.

The values that a step keeps for its gradients take from some to hundreds of megabytes, and all are free at its end.
glibc gives such an end of its heap back to the system at once, which hands it out again page by page, each filled with
zeros first: a tenth of the step of a small Transformer.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from recipeline.training import memory

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""What mallopt calls them (malloc.h of glibc)."""
MMAPPED = 32 * 1024**2
"""From this size on a block is always mapped and given back; glibc takes no larger figure."""
MOST = 2**31 - 1
"""Bytes kept at most: mallopt takes an int."""
SHARE = 0.125
"""Share of the memory that is kept at most."""
AFTERWARDS = 2 * MMAPPED
"""What glibc itself comes to keep once large blocks have been freed."""
SET_BY_USER = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Keep freed memory until the end of the block, and give it back there. Where there is no glibc: nothing."""
    library = _glibc()
    if library is None or any(name in os.environ for name in SET_BY_USER):
        yield
        return
    kept = min(MOST, int(SHARE * memory.all_bytes()))
    library.mallopt(MMAP_THRESHOLD, MMAPPED)
    library.mallopt(TRIM_THRESHOLD, max(AFTERWARDS, kept))
    try:
        yield
    finally:
        library.mallopt(TRIM_THRESHOLD, AFTERWARDS)
        give_back()


def give_back() -> None:
    """Give back to the system what is free by now."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()


def _glibc() -> Any:
    """The C library of this process, if it is glibc."""
    try:
        found = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):  # Windows, macOS, musl
        return None
    return ctypes.CDLL(None) if found else None
