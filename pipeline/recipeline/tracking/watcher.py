"""The small process beside a run that outlives it, and sends its last status when it was killed.

It waits for the run's process to end and does nothing else until then: some megabytes, no library but Python's own.
Where the run has ended by itself there is nothing to do. Otherwise `recipeline sync` sends what the journal holds and
marks the run, tried again for some minutes while no server answers; the next command does it after that.
"""

# Run as a file of its own, by an interpreter without site-packages: imports Python's own modules alone.

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

WAITS_S = (0, 2, 4, 8, 15, 30, 60, 60, 120, 120, 180)
"""Seconds before each try."""

_LOOK_S = 1.0


def start(folder: Path, uri: str) -> subprocess.Popen[bytes] | None:
    """Watch over this process's run; None where no interpreter can be started for it.

    Args:
        folder: The run's folder.
        uri: The store, handed over by the environment: it may hold a password, which a command line would show.
    """
    if not sys.executable or os.name != "posix":
        return None
    environment = {**os.environ, "RECIPELINE_HOME": str(folder.parent.parent), "MLFLOW_TRACKING_URI": uri}
    for name in ("MLFLOW_RUN_ID", "LOCAL_RANK", "NODE_RANK"):
        environment.pop(name, None)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )
    except OSError:
        return None


def stop(process: subprocess.Popen[bytes] | None) -> None:
    """End the watcher: the run has ended by itself."""
    if process is not None:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()


def wait_for_end(pid: int) -> None:
    """Return when this process, which has started us, is gone."""
    handle = -1
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
    if handle >= 0 and os.getppid() == pid:  # opened in time, so that it can't be another process of that number
        select.select([handle], [], [])
    while os.getppid() == pid:
        time.sleep(_LOOK_S)


def main(pid: int, folder: Path) -> None:
    """Wait, and send what is left when the run did not end by itself."""
    wait_for_end(pid)
    for wait in WAITS_S:
        time.sleep(wait)
        if not (folder / "alive").exists():
            return
        subprocess.run(
            [sys.executable, "-m", "recipeline", "sync", folder.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
