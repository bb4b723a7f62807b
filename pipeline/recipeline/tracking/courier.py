"""The process beside a run that hands its metrics over to MLflow, for a training that logs many of them.

MLflow makes a request in Python: 200 metrics keep the interpreter for 20 ms and more, in which a training in the same
process stands still. It is started when metrics come by the hundred again and again, and is not waited for: until it
says that it is ready, and wherever it can't be had, the run's own thread goes on sending. It has no memory of its own,
so that nothing is lost with it: rows are the run's until MLflow has taken them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO

from recipeline.errors import EnvironmentFault, Problem
from recipeline.tracking.outbox import Refused
from recipeline.tracking.rows import MetricRow, Row, as_list, from_list
from recipeline.tracking.store import database_file

MANY = 100
"""Metrics of a request that count as many: sent every two seconds, they take half a percent of the interpreter."""

TIMES, WITHIN_S = 2, 10.0
"""So many of them in so many seconds start a process for them; epochs with many metrics each mostly don't."""

_READY, _TAKEN, _REFUSED, _LATER = "ready", "taken", "refused", "later"


class Lost(Exception):
    """The process is gone, and whether MLflow has taken the rows isn't known: sending them again does no harm."""


@dataclass(slots=True)
class Courier:
    """Sends the metrics of one run in another process, once there are enough of them."""

    uri: str
    """The store."""
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=TIMES))
    """When the last requests with many came."""
    _process: subprocess.Popen[bytes] | None = None
    _ready: bool = False
    _gone: bool = False
    _talking: threading.RLock = field(default_factory=threading.RLock)

    def takes(self, rows: list[Row]) -> bool:
        """Whether these are sent by it. To be asked of each request, as it starts the process when it is time to."""
        if self._gone or not all(isinstance(row, MetricRow) for row in rows):
            return False
        with self._talking:
            if self._process is None:
                if len(rows) >= MANY:
                    self._times.append(monotonic())
                if len(self._times) == TIMES and self._times[-1] - self._times[0] < WITHIN_S and not self._gone:
                    self._process = _started(self.uri)
                    self._gone = self._process is None
                return False
            try:
                self._ready = self._ready or (self._has_said() and self._hear() == [_READY])
            except (Lost, ValueError):  # the latter of half a line, or of a pipe that `close` has closed meanwhile
                self.close()
            return self._ready and not self._gone

    def send(self, run_id: str, rows: list[Row]) -> None:
        """Send rows that it takes; returns when MLflow has them.

        Raises:
            Refused: the store will never take them.
            EnvironmentFault: it did not take them just now, in the words of the other process.
            Lost: that process is gone; it takes no more.
        """
        with self._talking:
            if self._process is None or self._process.stdin is None or self._gone:
                raise Lost
            try:
                self._process.stdin.write(_line([run_id, [as_list(row) for row in rows]]))
                self._process.stdin.flush()
                answer, *words = self._hear()
            except (Lost, OSError, ValueError) as error:
                self.close()
                raise Lost from error
        if answer == _REFUSED:
            raise Refused(*words)
        if answer != _TAKEN:
            raise EnvironmentFault(Problem(" ".join(words)))

    def close(self) -> None:
        """End the process, and start no other; a `send` that is under way hears that it is lost."""
        self._gone = True
        self._kill()  # whoever listens to it hears so, and stops
        with self._talking:
            self._kill()  # one that was being started
            for pipe in (self._process.stdin, self._process.stdout) if self._process is not None else ():
                with contextlib.suppress(OSError):  # what it has not heard any more
                    if pipe is not None:
                        pipe.close()

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()

    def _has_said(self) -> bool:
        assert self._process is not None
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def _hear(self) -> list[str]:
        """Its next line."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Lost
        heard: list[str] = json.loads(line)
        return heard


def _started(uri: str) -> subprocess.Popen[bytes] | None:
    """The process, by now only begun; None where it can't be had."""
    if not sys.executable or os.name != "posix" or (uri.startswith("sqlite:") and database_file(uri) is None):
        return None  # a store in memory is this process's alone
    # The store may hold a password, which a command line would show.
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )
    except OSError:
        return None


def _line(said: object) -> bytes:
    return json.dumps(said).encode() + b"\n"


def main(heard: IO[bytes], said: IO[bytes], uri: str) -> None:
    """Send what is heard, line by line, until there is no more: whoever has started us has ended, or been ended.

    Args:
        heard: Lines of JSON: a run's id in MLflow, and rows as `as_list` writes them.
        said: Takes a line of JSON for each: what has become of them, and why.
        uri: The store.
    """
    from recipeline.tracking import store
    from recipeline.tracking.deliver import deliver, in_a_line

    store.prepare_environment()
    client = store.connect(uri)

    def say(*words: str) -> None:
        said.write(_line(words))
        said.flush()

    say(_READY)
    for line in heard:
        run_id, rows = json.loads(line)
        try:
            deliver(client, uri, run_id, Path(), [from_list(row) for row in rows])
        except Refused as refusal:
            say(_REFUSED, str(refusal))
        except Exception as error:
            say(_LATER, in_a_line(error))
        else:
            say(_TAKEN)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is none of them
    with contextlib.suppress(BrokenPipeError):
        main(sys.stdin.buffer, answers, os.environ["MLFLOW_TRACKING_URI"])
