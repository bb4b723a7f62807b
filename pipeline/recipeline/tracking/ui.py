"""The MLflow UI on this machine alone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from types import FrameType

from recipeline.errors import EnvironmentFault, Problem, UnsafeError, UsageError
from recipeline.tracking import store

_GRACE_S = 5

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def command(uri: str, host: str, port: int) -> list[str]:
    """The command line that serves this store.

    Raises:
        UnsafeError: the address could be reached from other machines. MLflow's UI asks nobody who they are.
        UsageError: there is no store yet.
        EnvironmentFault: the port is taken.
    """
    if host not in LOOPBACK:
        raise UnsafeError(
            Problem(
                "the MLflow UI lets everyone in who can reach it, so it is shown to this machine only",
                path="--host",
                found=host,
                suggestion="Take 127.0.0.1, and from elsewhere an ssh tunnel: ssh -L 5000:127.0.0.1:5000 THIS_MACHINE",
            )
        )
    file = store.database_file(uri)
    if file is not None and not file.exists():
        raise UsageError(
            Problem(
                f"there is nothing to show yet: the MLflow store {file} does not exist",
                suggestion="Start a run with: recipeline run RECIPE. Another store is named by MLFLOW_TRACKING_URI.",
            )
        )
    _check_port(host, port)
    return [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri),
        # One worker is enough for one person, and starts in a quarter of the time of the usual four.
        *("--host", host, "--port", str(port), "--workers", "1"),
        *("--uvicorn-opts", "--log-level warning"),
    ]


def serve(arguments: list[str]) -> int:
    """Run the server until it ends or is interrupted, and return its exit code: 0 when it was interrupted.

    It gets a process group of its own, so that Ctrl-C reaches it as a request to end, not as an exception in each
    of its processes with a traceback each; and so that none of them outlives this one.
    """
    store.prepare_environment()

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # What its libraries will change some day is nothing to whoever looks at runs.
    quiet = {**os.environ, "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore")}
    process = subprocess.Popen(arguments, start_new_session=True, stdout=2, env=quiet)  # stdout is for our own answer
    before = signal.signal(signal.SIGTERM, end)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0  # how one leaves a server
    finally:
        signal.signal(signal.SIGTERM, before)
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server's processes to end, and end those that don't."""
    if not hasattr(os, "killpg"):
        process.terminate()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EnvironmentFault(
                Problem(
                    f"port {port} is taken: {error.strerror}",
                    path="--port",
                    suggestion=f"Take another: recipeline ui --port {port + 1}",
                )
            ) from error
