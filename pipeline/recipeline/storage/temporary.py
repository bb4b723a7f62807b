"""Temporary names that say whose they are, so that a dead process's files are cleared away and a living one's never."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

_NAME = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)-[0-9a-f]{8}\.tmp")


def temporary_beside(path: Path) -> Path:
    """A new hidden name in the same folder, from which a rename to `path` is one step."""
    pid = os.getpid()
    return path.with_name(f".{path.name}.{_host()}-{pid}-{_started(pid) or 0}-{secrets.token_hex(4)}.tmp")


def temporary_folder(name: str) -> Path:
    """A new folder among the system's temporary ones, for this user's eyes alone. Whoever has it made removes it.

    Those that processes have left which were killed are removed first: some hold a copy of a large table.

    Args:
        name: What it is for; a part of its name.

    Raises:
        OSError: it can't be made.
    """
    place = Path(tempfile.gettempdir())
    clear_stale(place)
    folder = temporary_beside(place / name)
    folder.mkdir(mode=0o700)
    return folder


def clear_stale(folder: Path) -> list[Path]:
    """Remove what processes that have ended left half written in this folder.

    What a living process writes stays, and so does what another machine may be writing on a shared disk.

    Returns:
        What has been removed.
    """
    removed = []
    with contextlib.suppress(OSError):  # nothing here, or not ours to look into
        for path in sorted(folder.iterdir()):
            if is_stale(path.name):
                _remove(path)
                removed.append(path)
    return removed


def is_stale(name: str) -> bool:
    """Whether this is the temporary name of a process of this machine that has ended."""
    found = _NAME.fullmatch(name)
    if found is None or found["host"] != _host() or os.name == "nt":  # there is no harmless way to ask Windows
        return False
    pid, started = int(found["pid"]), int(found["started"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    now = _started(pid)
    return bool(started) and now is not None and now != started  # the number was given to another process since


def discard(path: Path) -> None:
    """Remove a folder or file such that nobody sees a part of it; nothing to do when there is none."""
    doomed = temporary_beside(path)
    try:
        path.replace(doomed)
    except FileNotFoundError:
        return
    _remove(doomed)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _host() -> str:
    """The machine; or the container, which counts its processes anew and may have the name of another."""
    try:
        counting = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        counting = ""
    return sha256(f"{platform.node()} {counting}".encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """When a process was started, in the kernel's ticks since boot; None where that can't be known."""
    try:
        # The name in the second field may hold spaces and brackets.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
