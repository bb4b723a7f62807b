"""All that a training's numbers depend on, so that a run that goes on can say whether it will end the same."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recipeline.catalog import Catalog
from recipeline.errors import UsageError
from recipeline.recipe.model import Recipe, TrainingSettings

LIBRARIES = ("torch", "pytorch-lightning", "torchmetrics", "numpy", "polars")
"""Whose versions count, the plugins' distributions apart."""

Fingerprint = dict[str, dict[str, str]]
"""By kind (`recipe`, `data`, `code`, `plugins`, `versions`, `machine`) and name."""


def fingerprint(recipe: Recipe, catalog: Catalog) -> Fingerprint:
    """What a run of this recipe depends on here and now, as far as it is known before anything is read or imported."""
    return {
        "recipe": _recipe(recipe),
        "code": _code(recipe),
        "plugins": _plugins(recipe, catalog),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
    }


def machine(recipe: Recipe) -> dict[str, str]:
    """What the training runs on; the kind `machine` of a fingerprint."""
    processes = str(_processes(recipe.training))
    return {"the processor": _processor(), "the device": _device(recipe.training), "training.devices": processes}


def differences(then: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What has changed, a phrase each; what one of the two doesn't know does not count."""
    found = []
    for kind in now:
        for name in sorted({*now[kind], *then.get(kind, {})} if kind in then else ()):
            before, after = then[kind].get(name), now[kind].get(name)
            if before != after:
                found.append(_phrase(kind, name, before, after))
    return found


def _phrase(kind: str, name: str, before: str | None, after: str | None) -> str:
    if kind == "recipe":
        return f"the recipe {name} has been changed since the run was started"
    if kind == "code":
        return f"the source code of the package '{name}' has been changed"
    if kind == "data":
        return f"the data {name} have been changed"
    return f"{name} was {before or 'not there'} and is {after or 'not there'}"


def _recipe(recipe: Recipe) -> dict[str, str]:
    """The file as it is now, if it is still there: whoever has changed it may expect the change to count."""
    if recipe.file is None:
        return {}
    try:
        text = recipe.file.read_bytes()
    except OSError:
        text = recipe.text.encode()
    return {str(recipe.file): sha256(text).hexdigest()}


def _code(recipe: Recipe) -> dict[str, str]:
    """A digest of the Python files of the engine and of every package that brings a plugin."""
    names = {"recipeline", *(type(plugin).__module__.partition(".")[0] for plugin in recipe.plugins())}
    found = {}
    for name in sorted(names):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is None:
            continue
        top = Path(file)
        paths = sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [top]
        digest = sha256()
        for path in paths:
            digest.update(f"{path.relative_to(top.parent).as_posix()}\0".encode())
            digest.update(sha256(path.read_bytes()).digest())
        found[name] = digest.hexdigest()
    return found


def _plugins(recipe: Recipe, catalog: Catalog) -> dict[str, str]:
    found = {}
    for plugin in recipe.plugins():
        try:
            entry = catalog.owner(plugin)
        except UsageError:  # a class handed over from Python, installed nowhere
            continue
        found[entry.distribution] = entry.version
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not there"


def _processor() -> str:
    """The model of the processor: another one may take other instructions, which round otherwise."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{platform.machine()} {model or platform.processor()}".strip()


def _device(training: TrainingSettings) -> str:
    import torch

    if training.accelerator != "cpu" and torch.cuda.is_available():
        return ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    return "cpu" if training.accelerator in ("cpu", "auto") else training.accelerator


def _processes(training: TrainingSettings) -> int:
    import torch

    given = training.devices
    if isinstance(given, list):
        count = len(given)
    elif given == "auto":
        count = torch.cuda.device_count() if training.accelerator != "cpu" else 1
    else:
        count = int(given)
    return max(1, count, int(os.environ.get("WORLD_SIZE", "1")))
