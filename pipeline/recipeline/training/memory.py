"""How much memory this process may still take: of the machine, of its container, and by its own limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

UNKNOWN = 2 * 1024**3
"""What is taken for free where the system doesn't say."""


def available_bytes(root: Path = Path("/")) -> int:
    """Bytes of memory that can still be taken, the least of all limits.

    Args:
        root: Where /proc and /sys are.
    """
    container = [max(0, most - taken) for most, taken in _container(root)]
    return max(0, min([*_machine(root, "MemAvailable", share=0.5), *container, *_own_limits(root)], default=UNKNOWN))


def all_bytes(root: Path = Path("/")) -> int:
    """Bytes of memory that there are for this process and others, whatever is taken just now.

    Args:
        root: Where /proc and /sys are.
    """
    return min([*_machine(root, "MemTotal", share=1.0), *(most for most, _ in _container(root))], default=UNKNOWN)


def _machine(root: Path, wanted: str, share: float) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            yield int(value.split()[0]) * 1024
            return
    try:  # macOS knows no such number: a share of all memory
        yield int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * share)
    except (AttributeError, ValueError, OSError):
        return


def _container(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of the control groups above this process: version 2, then version 1."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, kinds, path = line.split(":", 2)
        if number == "0":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = top / path.lstrip("/")
        # Inside of a container the path is often that of the host, and the limits are at the top.
        for place in (folder, *(above for above in folder.parents if above.is_relative_to(top))):
            yield from _left(place, *names)


def _left(place: Path, limit: str, usage: str, cached: str) -> Iterator[tuple[int, int]]:
    most, taken = _text(place / limit).strip(), _text(place / usage).strip()
    if most.isdecimal() and taken.isdecimal():
        # Files that were read are given up when memory is short.
        given_up = [
            line.split()[1] for line in _text(place / "memory.stat").splitlines() if line.startswith(f"{cached} ")
        ]
        yield int(most), int(taken) - sum(int(number) for number in given_up)


def _own_limits(root: Path) -> Iterator[int]:
    """What `ulimit` leaves of addresses and of data."""
    try:
        import resource
    except ImportError:  # Windows
        return
    pages = _text(root / "proc/self/statm").split()
    size = os.sysconf("SC_PAGE_SIZE")
    for limit, place in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY and len(pages) > place:
            yield most - int(pages[place]) * size


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
