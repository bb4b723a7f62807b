"""Where runs are kept: which MLflow store is meant, and that it exists before several runs need it at once."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from recipeline.errors import EnvironmentFault, Problem, StoreAway, UsageError
from recipeline.signals import raise_interruption
from recipeline.storage.atomic import sync_folder
from recipeline.storage.temporary import clear_stale, temporary_beside

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_FILE = "mlflow.db"
"""What MLflow itself uses in an empty folder, so that a plain `mlflow ui` beside it shows the same runs."""

ADVICE = "Check the server and MLFLOW_TRACKING_URI; `recipeline doctor` looks at all of it."

MANAGED = ("databricks", "databricks-uc", "uc")
"""Stores that MLflow knows by a word."""

DRIVERS = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""What to install for a database's driver, where it has another name than the module."""

SERVER_TIMEOUT_S = 5.0
"""Seconds in which a server must take a connection before a run starts."""

ANSWER_TIMEOUT_S = 12
"""Seconds in which a server must answer its first question: one that sleeps until it is asked takes some."""

_DEFAULTS = {
    # MLflow reports its use to its makers unless told otherwise; DO_NOT_TRACK is not honoured.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow's own retries hold a call for minutes. What is sent in the background is tried again by ourselves.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # Bars of its own would run through ours.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Our stdout is for our own answer, which a machine may read.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def prepare_environment() -> None:
    """Set MLflow's environment as we want it where the user has not, and quiet its loggers.

    To be called before mlflow is imported: it reads some of this only then.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])


def tracking_uri(recipe_uri: str | None = None) -> str:
    """The store that is meant: MLFLOW_TRACKING_URI, else the recipe's, else `mlflow.db` in the working folder.

    SQLite files are given with their whole path, so that the answer stays true when the working folder changes.

    Raises:
        UsageError: MLflow can't keep runs at such a place.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    where = "MLFLOW_TRACKING_URI" if given else "tracking.uri"
    uri = given or (recipe_uri or "").strip() or f"sqlite:///{DEFAULT_FILE}"
    scheme, colon, rest = uri.partition(":")
    if uri in MANAGED:
        return uri
    if not colon or scheme == "file" or len(scheme) == 1:
        raise UsageError(
            Problem(
                "MLflow no longer keeps runs in plain folders",
                path=where,
                found=uri,
                suggestion="Name a database file, such as sqlite:///mlflow.db, or a server, such as "
                "http://127.0.0.1:5000.",
            )
        )
    if scheme == "sqlite" and rest.startswith("///") and not rest.startswith("////") and ":memory:" not in rest:
        return f"sqlite:///{Path(rest[3:]).absolute().as_posix()}"
    return uri


def database_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for every other store."""
    if not uri.startswith("sqlite:///") or ":memory:" in uri:
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def shown(uri: str) -> str:
    """The address without the password that may stand in it."""
    scheme, separator, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not separator or not at:
        return uri
    return f"{scheme}://{credentials.partition(':')[0]}:***@{host}"


def create_store(uri: str) -> None:
    """Make sure that the store exists and answers. Safe beside other processes, and in a thread.

    The first use of an SQLite store takes seconds, and two processes that both make one break each other's, so it
    is made by one of them under a lock.

    Raises:
        StoreAway: it is a server that does not answer.
        EnvironmentFault: it can't be written or read; the message says what to do.
    """
    prepare_environment()
    check_server(uri)
    import mlflow  # noqa: F401 - seconds that should not pass while others wait for the lock

    file = database_file(uri)
    with faults(uri):
        if file is None:
            with _impatient():
                connect(uri).search_experiments(max_results=1)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file.with_name(f"{file.name}.lock")):
            if not file.exists():
                _make(file)
            connect(uri).search_experiments(max_results=1)
        if not os.access(file, os.W_OK):
            raise EnvironmentFault(Problem(f"the MLflow store {file} can't be written", suggestion="Change its mode."))


def _make(file: Path) -> None:
    """Make the tables of an SQLite store beside, and put it in its place at once.

    MLflow makes them one by one, and never again comes to terms with a file in which it was killed half way.
    """
    clear_stale(file.parent)
    beside = temporary_beside(file)
    try:
        connect(f"sqlite:///{beside.as_posix()}").search_experiments(max_results=1)
        try:
            os.link(beside, file)
        except FileExistsError:  # another program, which knows no lock of ours, was quicker
            pass
        except OSError:  # a disk that knows no second names
            beside.rename(file)
        sync_folder(file.parent)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


@contextmanager
def _impatient() -> Iterator[None]:
    """Let MLflow ask a server once and for seconds, where the user has not said how often and how long."""
    hurry = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_TIMEOUT_S),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    before = {name: os.environ.get(name) for name in hurry}
    chosen = {name: value for name, value in hurry.items() if before[name] in (None, _DEFAULTS.get(name))}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name in chosen:
            value = before[name]
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def check_server(uri: str) -> None:
    """See that somebody listens where a server is said to be: MLflow itself would try for many seconds.

    Raises:
        StoreAway: nobody does. Behind a proxy that can't be seen from here, and is left to MLflow.
    """
    from urllib.request import getproxies, proxy_bypass

    address = urlsplit(uri)
    if address.scheme not in ("http", "https") or not address.hostname:
        return
    if address.scheme in getproxies() and not proxy_bypass(address.hostname):
        return
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname, port), timeout=SERVER_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreAway(
            Problem(f"no MLflow server answers at {shown(uri)}: {reason[:1].lower()}{reason[1:]}", suggestion=ADVICE)
        ) from error


def away(uri: str) -> str | None:
    """Why the store's server can't be used just now, in words; None when it answers a question, or is a file."""
    if urlsplit(uri).scheme not in ("http", "https"):
        return None
    try:
        check_server(uri)
        with faults(uri), _impatient():
            connect(uri).search_experiments(max_results=1)
    except StoreAway as fault:
        return fault.problems[0].message
    except EnvironmentFault:
        return None  # it answers; what it says is for whoever asks next to hear
    return None


def connect(uri: str) -> MlflowClient:
    """A client of this store, whatever MLflow's global settings say."""
    prepare_environment()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI") or uri)


@contextmanager
def faults(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database raise into an EnvironmentFault that says which store and what to do."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise EnvironmentFault(
            Problem(
                f"the MLflow store {shown(uri)} needs the package '{error.name}', which is not installed",
                suggestion=f"Install it with: pip install {DRIVERS.get(error.name or '', error.name)}",
            )
        ) from error
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise_interruption(error)
        text = " ".join(str(error).split())
        advice = ADVICE
        if "out-of-date database schema" in text:
            advice = f"An older MLflow made it. Save a copy, then run: mlflow db upgrade {shown(uri)}"
        elif "Can't locate revision" in text or "database schema" in text:
            advice = "A newer MLflow made it: update mlflow, or name another store."
        elif "unsupported URI" in text:
            advice = "Name a database, such as sqlite:///mlflow.db, or a server, such as http://127.0.0.1:5000."
        elif "file is not a database" in text:
            advice = "Name another file, or move this one away."
        elif "readonly" in text or "unable to open database" in text or isinstance(error, PermissionError):
            advice = "Make the file and its folder writable, or name another store in MLFLOW_TRACKING_URI."
        elif "disk is full" in text or getattr(error, "errno", None) == 28:
            advice = "Free some disk space."
        kind = StoreAway if _is_away(uri, error) else EnvironmentFault
        raise kind(
            Problem(f"the MLflow store {shown(uri)} does not work", found=_short(text), suggestion=advice)
        ) from error


def _is_away(uri: str, error: Exception) -> bool:
    """Whether a server is meant that did not answer, or answered that it can't just now."""
    from mlflow.exceptions import MlflowException

    if urlsplit(uri).scheme not in ("http", "https"):
        return False
    # Without an answer MLflow makes an error of its own, which counts as one of the server's like its 500 and 503.
    return not isinstance(error, MlflowException) or error.get_http_status_code() >= 500


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold this lock file, which is gone afterwards. Where the system has no such locks, hold nothing."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            same = os.fstat(handle).st_ino == path.stat().st_ino
        except FileNotFoundError:
            same = False
        if same:
            break
        os.close(handle)  # whoever held it has removed it meanwhile: a newer file is the lock
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
