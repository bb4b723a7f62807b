"""What to say when a disk takes no more: which path, how many bytes are needed, how many are free."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from recipeline.errors import EnvironmentFault, Problem

FULL = (errno.ENOSPC, errno.EDQUOT)


def not_written(
    what: str, path: Path, error: OSError, *, needed: int | None = None, advice: str = ""
) -> EnvironmentFault:
    """The fault that a failed write is.

    Args:
        what: What was written, as `the checkpoint`.
        path: Where to.
        error: What the system said.
        needed: Bytes that it takes, where that is known.
        advice: What to do, beside making room: whole sentences.
    """
    free = _free(path)
    amounts = [f"{needed:,} bytes needed"] if needed is not None else []
    amounts += [f"{free:,} free"] if free is not None else []
    reason = error.strerror or str(error)
    first = "Free some space there. " if error.errno in FULL else "See whether the disk is in order. "
    problem = Problem(
        f"{what} can't be written: {reason}",
        file=str(path),
        found=", ".join(amounts) or None,
        suggestion=f"{first}{advice}".strip(),
    )
    return EnvironmentFault(problem)


def reserve(path: Path, what: str) -> None:
    """Claim the disk space of a file that has its length but not its content yet.

    A mapped file on a full disk kills the process at the first write that finds no room, without a word.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    if not hasattr(os, "posix_fallocate"):  # Windows, macOS
        return
    size = path.stat().st_size
    if not size:
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                return
            raise not_written(what, path, error, needed=size) from error


def _free(path: Path) -> int | None:
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None
