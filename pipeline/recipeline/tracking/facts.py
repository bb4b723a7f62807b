"""What a run was made with: versions, digests, git, installed packages. Read from this machine, sent nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path

from recipeline import __version__
from recipeline.catalog import Catalog
from recipeline.errors import UsageError
from recipeline.recipe.model import Recipe

PATCH_LIMIT = 5_000_000
"""Characters of a patch that are kept: one this large comes from generated files, not from somebody's edit."""

_GIT_TIMEOUT_S = 20


def tags(recipe: Recipe, catalog: Catalog, command: str, folder: Path | None = None) -> dict[str, str]:
    """The tags that are known before anything is read.

    Args:
        recipe: The recipe as written.
        catalog: Where its plugins come from.
        command: The command line.
        folder: A folder of the git repository that matters; the working folder by default.
    """
    found = {
        "recipeline.version": __version__,
        "recipeline.recipe_sha256": recipe_sha256(recipe),
        "recipeline.plugins": plugins(recipe, catalog),
        "recipeline.command": recipe.redact(command),
    }
    commit = git_commit(folder)
    if commit is not None:
        found["recipeline.git_commit"] = commit
        found["recipeline.git_dirty"] = "true" if git_patch(folder) else "false"
        found["mlflow.source.git.commit"] = commit
    return found


def recipe_sha256(recipe: Recipe) -> str:
    """A digest of what a recipe trains: the same for two files that say the same in other words.

    Name, description, tracking and when checkpoints are made are left out: they change nothing in the training.
    """
    content = recipe.as_recipe()
    for key in ("name", "description", "tracking"):
        content.pop(key, None)
    content["training"].pop("checkpoint", None)
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def plugins(recipe: Recipe, catalog: Catalog) -> str:
    """`distribution==version` of everything that brings a plugin of this recipe, in alphabetical order."""
    return ", ".join(f"{name}=={version}" for name, version in sorted(plugin_distributions(recipe, catalog)))


def plugin_distributions(recipe: Recipe, catalog: Catalog) -> set[tuple[str, str]]:
    """(distribution, version) of everything that brings a plugin of this recipe."""
    found = set()
    for plugin in recipe.plugins():
        try:
            entry = catalog.owner(plugin)
        except UsageError:  # a class handed over from Python, installed nowhere
            found.add((type(plugin).__module__.partition(".")[0], "unknown"))
            continue
        found.add((entry.distribution, entry.version))
    return found


def requirements() -> str:
    """Every installed distribution with its version, as pip takes it."""
    lines = {line for dist in distributions() if (line := _line(dist))}
    return "".join(f"{line}\n" for line in sorted(lines, key=str.lower))


def _line(dist: Distribution) -> str:
    """`name==version`; by the name of its folder, where it has the usual one, because parsing what is in it is slow."""
    folder = getattr(dist, "_path", None)
    if isinstance(folder, Path) and folder.suffix == ".dist-info" and folder.stem.count("-") == 1:
        name, version = folder.stem.split("-")
        return f"{name}=={version}"
    return f"{dist.name}=={dist.version}" if dist.name else ""


def git_commit(folder: Path | None = None) -> str | None:
    """The commit that is checked out; None outside a repository or without git."""
    return (_git(folder, "rev-parse", "--verify", "HEAD") or "").strip() or None


def git_patch(folder: Path | None = None) -> str:
    """What differs from the commit in files that git knows; empty when nothing does or there is no repository."""
    patch = _git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color") or ""
    if len(patch) <= PATCH_LIMIT:
        return patch
    return f"{patch[:PATCH_LIMIT]}\n# cut here: {len(patch)} characters in all\n"


def _git(folder: Path | None, *arguments: str) -> str | None:
    # A repository's own settings can name programs to run. None is needed here, so none is.
    safe = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    try:
        done = subprocess.run(
            ["git", *safe, *arguments],
            cwd=folder,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


@contextmanager
def temporary(name: str) -> Iterator[Path]:
    """A path of this name in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recipeline-") as folder:
        yield Path(folder, name)
