"""What a run has logged of itself, to be run again by: its recipe, split, rows, surroundings and curves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline.errors import Problem, UsageError
from recipeline.families.spec import PARTS
from recipeline.tracking import record, store
from recipeline.tracking.closeness import Curves, by_the_clock
from recipeline.tracking.find import FoundRun, fetch_artifact

if TYPE_CHECKING:
    import polars as pl

SECTIONS = ("recipe", "code", "plugins", "versions", "machine")
"""The kinds of what an environment is compared by."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What was logged; what the run does not have is None or empty."""

    run: FoundRun
    recipe: str
    """The complete recipe as YAML."""
    curves: Curves
    """Every metric but those that measure time."""
    split: Path | None = None
    """Each row's part, as Parquet."""
    row_digests: pl.Series | None = None
    profile: dict[str, Any] = field(default_factory=dict)
    """What the train rows look like, by column."""
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    """By kind and name, as `training.fingerprint` gives it."""
    threads: int | None = None
    folder: Path | None = None
    """Where relative paths of its recipe started."""
    packages: dict[str, str] = field(default_factory=dict)
    """Every installed distribution with its version."""
    patch: str = ""
    """What differed from the commit."""


def logged(run: FoundRun, folder: Path) -> Logged:
    """Bring what a finished run has logged into a folder.

    Raises:
        UsageError: it has not finished, has no recipe, or what it has can't be read.
        EnvironmentFault: the store does not give its metrics.
    """
    if run.status in ("RUNNING", "SCHEDULED"):
        raise _refused(run, "is under way", "Wait for its end: only then is there something to come close to.")
    if run.status != "FINISHED":
        raise _refused(run, "has not finished", "Go on with it first: recipeline resume RUN.")
    recipe = _text(run, record.RESOLVED, folder)
    if not recipe:
        raise _refused(run, f"has no recipe ({record.RESOLVED})", "Only a run of recipeline has one.")
    surroundings = _json(run, record.ENVIRONMENT, folder)
    split = fetch_artifact(run, record.SPLIT, folder)
    if split is not None:
        _check_split(run, split)
    digests = fetch_artifact(run, record.ROW_DIGESTS, folder)
    threads = surroundings.get("threads") or _number(run.tags.get("recipeline.threads"))
    place = surroundings.get("folder")
    return Logged(
        run=run,
        recipe=recipe,
        curves=_curves(run),
        split=split,
        row_digests=None if digests is None else _column(run, digests, record.ROW_DIGESTS, "digest"),
        profile=_columns(_json(run, record.PROFILE, folder)),
        environment=_sections(surroundings.get("fingerprint")),
        threads=threads if isinstance(threads, int) else None,
        folder=Path(place) if isinstance(place, str) and place else None,
        packages=packages(_text(run, record.REQUIREMENTS, folder)),
        patch=_text(run, record.PATCH, folder),
    )


def _refused(run: FoundRun, what: str, advice: str) -> UsageError:
    return UsageError(Problem(f"the run {run.run_id} ({run.name}) {what}", found=run.status, suggestion=advice))


def _unreadable(run: FoundRun, path: str, reason: str) -> UsageError:
    return UsageError(Problem(f"what the run {run.run_id} ({run.name}) has logged as {path} can't be read: {reason}"))


def _text(run: FoundRun, path: str, folder: Path) -> str:
    file = fetch_artifact(run, path, folder)
    try:
        return "" if file is None else file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(run, path, str(error)) from error


def _json(run: FoundRun, path: str, folder: Path) -> dict[str, Any]:
    text = _text(run, path, folder)
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise _unreadable(run, path, "it is no JSON") from error
    return found if isinstance(found, dict) else {}


def _column(run: FoundRun, file: Path, path: str, name: str) -> pl.Series:
    import polars as pl

    try:
        return pl.read_parquet(file, columns=[name]).to_series()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(run, path, str(error).partition("\n")[0]) from error


def _check_split(run: FoundRun, file: Path) -> None:
    """Every row's part is one, so that a file from elsewhere does not look like a fault of ours."""
    parts = _column(run, file, record.SPLIT, "part").unique().to_list()
    strange = [part for part in parts if part is not None and part not in PARTS]
    if strange:
        raise _unreadable(run, record.SPLIT, f"there is no part {strange[0]!r}")


def _sections(found: Any) -> dict[str, dict[str, str]]:
    """The kinds that there are, with words as their values."""
    if not isinstance(found, dict):
        return {}
    return {
        kind: {str(name): str(value) for name, value in found[kind].items()}
        for kind in SECTIONS
        if isinstance(found.get(kind), dict)
    }


def _columns(profile: dict[str, Any]) -> dict[str, Any]:
    columns = profile.get("columns")
    return columns if isinstance(columns, dict) else {}


def packages(requirements: str) -> dict[str, str]:
    """Distribution -> version of a list as pip takes it; in one form of the names, of which there are several."""
    pairs = (line.split("==", 1) for line in requirements.splitlines() if "==" in line)
    return {re.sub(r"[-_.]+", "-", name.strip()).lower(): version.strip() for name, version in pairs}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _curves(run: FoundRun) -> Curves:
    """Of several values of one epoch the latest counts."""
    client = store.connect(run.tracking_uri)
    with store.faults(run.tracking_uri):
        histories = {n: client.get_metric_history(run.run_id, n) for n in run.metrics if not by_the_clock(n)}
    return {
        name: {point.step: point.value for point in sorted(points, key=lambda point: point.timestamp)}
        for name, points in histories.items()
    }
