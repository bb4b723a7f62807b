"""One program with all that it starts: how long it took, the processor's time, the most memory it held at once."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

SAMPLE_S = 0.05
"""Seconds between two looks at the memory; a shorter peak may be missed."""

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
"""Variables that every program gets: no word to anyone outside, no warnings of libraries among the results."""

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What a program says to a terminal to move about on it."""

CONTESTANTS = Path(__file__).parent.parent / "contestants"
RECIPELINE = Path(sys.executable).parent / "recipeline"


class Failed(Exception):
    """A program did not end well; its last words."""


@dataclass(slots=True)
class Finished:
    """What a program has taken."""

    seconds: float
    cpu_s: float
    """Of it and of everything it has started and waited for, all threads."""
    output: str
    peak_mb: float | None = None
    """Most memory of all its processes at once; a page that several use is counted once. None where it was not looked
    at, or can't be (anywhere but on Linux)."""
    own_mb: float | None = None
    """The part of it that no file stands behind: what the machine can't take back when memory is short."""
    result: dict[str, Any] = field(default_factory=dict)
    """What a contestant has said after RESULT."""


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    memory: bool = False,
    terminal: bool = False,
    timeout_s: float = 900,
) -> Finished:
    """Run a program to its end in a folder.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: Variables beside those of this process.
        memory: Whether to look at its memory.
        terminal: Whether what it says of its progress goes to a terminal, so that it draws what a person would see.
        timeout_s: When it is ended.

    Raises:
        Failed: it ended with an error, or not in time.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with _screen(terminal, errors) as screen:
            seconds, used, code, watch = _to_its_end(
                command, folder, environment or {}, memory, timeout_s, output, screen
            )
        output.seek(0)
        errors.seek(0)
        said = output.read().decode(errors="replace")
        if code != 0:
            words = CONTROL.sub("", errors.read().decode(errors="replace")).strip() or said.strip()
            last = words.splitlines()[-3:]
            raise Failed(f"exit code {code} of {Path(command[0]).name}: {' / '.join(last)[-400:]}")
    finished = Finished(seconds, used.ru_utime + used.ru_stime, said)
    if watch is not None:
        finished.peak_mb, finished.own_mb = watch.peak_mb, watch.own_mb
    for line in said.splitlines():
        if line.startswith("RESULT "):
            finished.result |= json.loads(line.removeprefix("RESULT "))
    return finished


def contestant(name: str, *arguments: str | Path, python: str | Path = sys.executable) -> list[str]:
    """The command of a program of the folder `contestants`."""
    return [str(python), str(CONTESTANTS / f"{name}.py"), *(str(each) for each in arguments)]


def _to_its_end(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    memory: bool,
    timeout_s: float,
    output: IO[bytes],
    screen: IO[bytes] | int,
) -> tuple[float, resource.struct_rusage, int, _Watch | None]:
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(each) for each in command],
        cwd=folder,
        env={**os.environ, **QUIET, **environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=screen,
        start_new_session=True,
    )
    watch = _Watch(process.pid) if memory and Path("/proc/self/smaps_rollup").exists() else None
    limit = threading.Timer(timeout_s, _end, [process.pid])
    limit.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        _end(process.pid)
        process.wait()
        raise
    finally:
        seconds = time.perf_counter() - began
        limit.cancel()
        if watch is not None:
            watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    return seconds, used, process.returncode, watch


@contextmanager
def _screen(terminal: bool, errors: IO[bytes]) -> Iterator[IO[bytes] | int]:
    """The file itself, or a terminal whose text ends in the file."""
    if not terminal:
        yield errors
        return
    ours, theirs = pty.openpty()

    def read() -> None:
        while True:
            try:
                errors.write(os.read(ours, 65536))
            except OSError:  # nobody holds the other end any more
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield theirs
    finally:
        os.close(theirs)
        reader.join(5)
        os.close(ours)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class _Watch:
    """Looks at the memory of a process and its descendants until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = self.own_mb = 0.0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            peak = own = 0
            for pid in _tree(self._pid):
                shares = _shares(pid)
                peak += shares.get("Pss", 0)
                own += shares.get("Pss_Anon", 0)
            self.peak_mb = max(self.peak_mb, peak / 1024)
            self.own_mb = max(self.own_mb, own / 1024)


def _tree(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name stands in brackets and may hold anything, brackets too.
            after = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(after[1]), []).append(int(place.parent.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _shares(pid: int) -> dict[str, int]:
    """Kilobytes of a process by kind; a page that n processes use counts 1/n in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
