"""`recipeline doctor`: what works on this machine, and what to do about what doesn't."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click

from recipeline.cli.output import echo, emit_json, json_option, note, table
from recipeline.errors import EnvironmentFault, RecipelineError

LIBRARIES = ("torch", "pytorch-lightning", "torchmetrics", "mlflow", "polars", "pydantic", "safetensors")
LOW_DISK_GB = 2.0

State = Literal["works", "note", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    """`broken` is something that a run needs; `note` is something to know."""
    found: str
    advice: str | None = None


@click.command()
@json_option
def command(as_json: bool) -> int:
    """Look at versions, devices, store, disk and plugins. Exit code 4 when something that a run needs is broken."""
    checks = []
    for looks in (_python, _libraries, _devices, _store, _disk, _folder, _plugins, _telemetry):
        if not as_json:
            note(f"... {looks.__name__.lstrip('_')}")
        checks += _guarded(looks)
    broken = [check for check in checks if check.state == "broken"]
    if as_json:
        emit_json({"works": not broken, "checks": [asdict(check) for check in checks]})
    else:
        table(["", "what", "found"], [(_MARKS[check.state], check.name, check.found) for check in checks])
        for check in checks:
            if check.advice:
                echo(f"{check.name}: {check.advice}")
        echo("Everything that a run needs works." if not broken else f"Broken: {', '.join(c.name for c in broken)}.")
    return EnvironmentFault.exit_code if broken else 0


_MARKS = {"works": "ok", "note": "note", "broken": "BROKEN"}


def _guarded(looks: Callable[[], Iterator[Check]]) -> list[Check]:
    """The checks, or what kept them from being made: a doctor that falls over helps nobody."""
    try:
        return list(looks())
    except RecipelineError as error:
        first = error.problems[0]
        # The table gets what is wrong; what a library had to say of it, often long, goes below.
        advice = " ".join(part for part in (first.suggestion, first.found and f"({first.found})") if part)
        return [Check(looks.__name__.lstrip("_"), "broken", first.message, advice or None)]
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        return [Check(looks.__name__.lstrip("_"), "broken", words, "Reinstall recipeline in a fresh environment.")]


def _python() -> Iterator[Check]:
    import recipeline

    yield Check("recipeline", "works", recipeline.__version__)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}: {sys.executable}"
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Check("python", "works" if supported else "note", found, None if supported else "Tested with 3.11 to 3.13.")


def _libraries() -> Iterator[Check]:
    for name in LIBRARIES:
        try:
            yield Check(name, "works", version(name))
        except PackageNotFoundError:
            yield Check(name, "broken", "not installed", f"pip install {name}")


def _devices() -> Iterator[Check]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Check("cpu", "works", f"{cores} cores, torch takes {torch.get_num_threads()} threads by default")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield Check("gpu", "works", ", ".join(names))
    elif torch.backends.mps.is_available():
        yield Check("gpu", "works", "Apple mps")
    elif shutil.which("nvidia-smi"):
        yield Check(
            "gpu",
            "note",
            f"an NVIDIA driver is here, but torch {torch.__version__} can't use it",
            "Install a CUDA build of torch: https://pytorch.org/get-started/locally",
        )
    else:
        yield Check("gpu", "note", "none; runs use the CPU")


def _store() -> Iterator[Check]:
    from recipeline.tracking import store

    uri = store.tracking_uri()
    file = store.database_file(uri)
    if file is not None and not file.exists():
        yield Check("store", "works", f"{store.shown(uri)} (made by the first run)")
        folder = next(parent for parent in file.parents if parent.exists())
        if not _can_write(folder):
            yield Check("store folder", "broken", f"{folder} can't be written", "Name another: MLFLOW_TRACKING_URI.")
        return
    store.create_store(uri)
    yield Check("store", "works", store.shown(uri))


def _disk() -> Iterator[Check]:
    for name, place in (("disk here", Path.cwd()), ("disk for temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(place).free / 1e9
        low = free < LOW_DISK_GB
        advice = "Checkpoints, the cache and models need room: free some." if low else None
        yield Check(name, "note" if low else "works", f"{free:.1f} GB free at {place}", advice)


def _folder() -> Iterator[Check]:
    home = Path(os.environ.get("RECIPELINE_HOME", ".recipeline")).absolute()
    if home.exists() and not home.is_dir():
        writable, found = False, f"{home} is a file"
    elif not home.exists():
        parent = next(parent for parent in home.parents if parent.is_dir())
        writable = _can_write(parent)
        found = f"{home} (made by the first run)"
    else:
        writable = _can_write(home)
        size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
        found = f"{home}, {size / 1e6:.0f} MB"
    advice = None if writable else "Make it writable, or name another folder in RECIPELINE_HOME."
    yield Check("cache and runs", "works" if writable else "broken", found, advice)


def _can_write(place: Path) -> bool:
    """Whether a file can be made here, tried: permissions don't tell of what the file system refuses."""
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


def _plugins() -> Iterator[Check]:
    from recipeline.catalog import installed

    catalog = installed()
    owners: dict[str, int] = {}
    for entry in catalog:
        owner = f"{entry.distribution} {entry.version}"
        owners[owner] = owners.get(owner, 0) + 1
    words = ", ".join(f"{owner} ({count})" for owner, count in sorted(owners.items()))
    if owners:
        yield Check("plugins", "works", words)
    else:
        yield Check("plugins", "broken", "none", "Reinstall recipeline: pip install --force-reinstall recipeline")
    for broken in catalog.broken:
        # Not what a run needs unless its recipe names one of them, and then the recipe's error says so.
        state: State = "broken" if broken.distribution == "recipeline" else "note"
        yield Check(
            f"plugin {broken.distribution}",
            state,
            f"{broken.distribution} {broken.version} ({broken.entry_point}) fails to load: {broken.reason}",
            f"Reinstall or update {broken.distribution}, or remove it: pip uninstall {broken.distribution}",
        )
    for (family, name), entries in catalog.entries.items():
        if len(entries) > 1:
            owned = " and ".join(f"{entry.distribution} {entry.version}" for entry in entries)
            choices = " or ".join(f"'{entry.distribution}/{name}'" for entry in entries)
            yield Check(f"{family} {name}", "note", f"two plugins have this name: {owned}", f"Write {choices}.")


def _telemetry() -> Iterator[Check]:
    from recipeline.tracking.store import prepare_environment

    prepare_environment()
    if os.environ["MLFLOW_DISABLE_TELEMETRY"].lower() in ("true", "1"):
        yield Check("MLflow's telemetry", "works", "off")
    else:
        advice = "MLflow reports its use to its makers. To stop it: unset MLFLOW_DISABLE_TELEMETRY"
        yield Check("MLflow's telemetry", "note", "on, as MLFLOW_DISABLE_TELEMETRY says", advice)
