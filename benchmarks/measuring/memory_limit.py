"""A limit on the memory of a program and all that it starts: a control group of Linux.

The kernel takes back what files stand behind (mapped arrays, libraries) when the group is at its limit, and ends the
program when that is not enough. A limit on addresses (RLIMIT_AS, RLIMIT_DATA) would count a mapped file as memory,
which it isn't.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NoLimit(Exception):
    """This machine lets nobody, or not this user, set a limit; why."""


@contextmanager
def limited(megabytes: float) -> Iterator[list[str]]:
    """The words to put before a command so that it has no more memory than this.

    Raises:
        NoLimit: neither a group can be made here nor systemd makes one.
    """
    size = int(megabytes * 2**20)
    group = _group(size)
    if group is not None:
        try:
            yield ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group)]
        finally:
            _remove(group)
        return
    words = ["systemd-run", "--user", "--scope", "--quiet", "-p", f"MemoryMax={size}", "-p", "MemorySwapMax=0"]
    if shutil.which(words[0]) is None or subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        raise NoLimit("control groups can't be made by this user, and systemd-run makes none")
    yield words


def _remove(group: Path, patience_s: float = 10) -> None:
    """Take the group away, and with it whatever was started in it and hasn't ended."""
    limit = time.monotonic() + patience_s
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            group.rmdir()
            return
        except OSError:  # one that was killed has not been buried yet
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def _group(size: int) -> Path | None:
    """A group below this process's own, in either version of the interface; None where that is not allowed."""
    root = Path("/sys/fs/cgroup")
    try:
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    places = [
        (root / "memory" / path.lstrip("/"), "memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        for _, controllers, path in lines
        if "memory" in controllers.split(",")
    ]
    places += [(root / path.lstrip("/"), "memory.max", "memory.swap.max") for number, _, path in lines if number == "0"]
    for place, limit, swap in places:
        group = place / f"recipeline-benchmark-{uuid.uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(size))
            if (group / swap).exists():
                (group / swap).write_text("0" if swap == "memory.swap.max" else str(size))
        except OSError:
            group.rmdir()
            continue
        return group
    return None
