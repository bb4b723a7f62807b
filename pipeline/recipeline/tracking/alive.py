"""Whether the process of a run lives: a locked file in the run's folder, with pid, start time, machine and boot.

A run counts as dead only when nobody holds the lock and its process is gone: a pid that another process has by now
is known by its start time, one from before a restart by the boot, and of another machine's process nothing is said.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from recipeline.errors import Problem, UnsafeError

FILE = "alive"

State = Literal["ended", "living", "dead", "elsewhere"]
"""`ended`: it has said so itself. `elsewhere`: its process is none of this machine's."""

_TRIES = 20
_PAUSE_S = 0.05


class Alive:
    """Held as long as this process works on the run.

    Raises:
        UnsafeError: another process works on it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(_TRIES):  # whoever only looks holds it for a moment too
            if _lock(self._handle):
                break
            time.sleep(_PAUSE_S)
        else:
            said = _read(self._path)
            os.close(self._handle)
            raise UnsafeError(
                Problem(
                    f"the run {folder.name} is under way in another process",
                    found=f"process {said.get('pid')} on {said.get('host')}",
                    suggestion="Wait for its end, or end it first: two at once would spoil each other's checkpoints.",
                )
            )
        self.write(1)

    def write(self, processes: int) -> None:
        """Say who works on the run: this process, as the first of so many."""
        content = json.dumps(_myself() | {"processes": processes}).encode()
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, content)
        os.truncate(self._handle, len(content))

    def release(self) -> None:
        """Say that the work is done."""
        if self._handle >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1

    def moved(self, folder: Path) -> None:
        """The run's folder has another name now."""
        self._path = folder / FILE


def state(folder: Path) -> State:
    """What is known of the process that works on the run in this folder."""
    path = folder / FILE
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return "ended"
    try:
        if not _lock(handle, shared=True):
            return "living"
        said = _read(path)
    finally:
        os.close(handle)
    if not said:
        return "dead"  # ended between making the file and writing it
    if said.get("host") != platform.node() or not _can_lock():
        return "elsewhere"
    if said.get("boot") != _boot():
        return "dead"
    return "living" if _started(int(said["pid"])) == said.get("started") else "dead"


def first_of_several(folder: Path) -> tuple[int, int] | None:
    """Of a dead run that several processes have worked on: how many, and the pid of the first, which was lost.

    None where it was one process, or where the whole machine went.
    """
    said = _read(folder / FILE)
    processes, pid = said.get("processes"), said.get("pid")
    restarted = said.get("host") == platform.node() and said.get("boot") != _boot()
    if not isinstance(processes, int) or not isinstance(pid, int) or processes < 2 or restarted:
        return None
    return processes, pid


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether this process may send what the run has left: False while another one does."""
    handle = os.open(folder / "sending", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _lock(handle)
    finally:
        os.close(handle)


def _myself() -> dict[str, str | int | None]:
    pid = os.getpid()
    return {"pid": pid, "started": _started(pid), "host": platform.node(), "boot": _boot()}


def _read(path: Path) -> dict[str, str | int]:
    try:
        said = json.loads(path.read_bytes() or b"{}")
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _boot() -> str:
    """Which start of the machine this is, where the system says so."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When this process started, in the system's words; None when there is none."""
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        values = text.rpartition(")")[2].split()  # a program's name may hold spaces and brackets
        return None if values[0] in "ZX" else values[19]
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return told.strip() or None


def _can_lock() -> bool:
    try:
        import fcntl  # noqa: F401 - looked for
    except ImportError:
        return False
    return True


def _lock(handle: int, *, shared: bool = False) -> bool:
    """Try to hold this file. Where the system has no such locks, say that it is held."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
