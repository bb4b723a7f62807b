"""A folder of results addressed by what they were made from: made once, found by everyone, never half there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipeline.errors import EnvironmentFault, Problem

FORMAT = 2
"""Version of what the engine writes; a change of it makes every older entry unfindable."""

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder in the cache, complete when it is seen."""

    folder: Path
    info: dict[str, Any]
    """What the builder wanted remembered, JSON-able."""
    hit: bool
    """Whether it was there already."""
    repaired: bool = False
    """Whether a damaged one was replaced."""


def address(content: Any) -> str:
    """The sha256 of JSON-able content, the same whatever the order of its keys."""
    text = json.dumps([FORMAT, content], sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def look_up(root: Path, key: str) -> Entry | None:
    """The entry of this key if it is there and whole."""
    info = _whole(root / key)
    return None if info is None else Entry(root / key, info, hit=True)


def obtain(root: Path, key: str, build: Callable[[Path], dict[str, Any]]) -> Entry:
    """The entry of this key, built when it is missing or damaged.

    Args:
        root: Folder of entries of one kind.
        key: Content address.
        build: Writes files into the folder that it is given and returns what should be remembered.

    Raises:
        EnvironmentFault: the cache can't be written.
    """
    found = look_up(root, key)
    if found is not None:
        return found
    final = root / key
    try:
        root.mkdir(parents=True, exist_ok=True)
        damaged = final.exists()
        # Built beside and renamed: of two processes that build the same entry, one wins and both use its folder.
        temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{key[:12]}."))
        try:
            info = build(temporary)
            _seal(temporary, info)
            if damaged:
                final.replace(temporary.with_name(temporary.name + ".damaged"))
            temporary.replace(final)
        except OSError:
            winner = look_up(root, key)
            if winner is None:
                raise
            return winner
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(temporary.with_name(temporary.name + ".damaged"), ignore_errors=True)
    except OSError as error:
        raise EnvironmentFault(
            Problem(
                f"the cache can't be written: {error.strerror or error}",
                file=str(root),
                suggestion="Free some space, or set RECIPELINE_HOME to a folder that can be written.",
            )
        ) from error
    return Entry(final, info, hit=False, repaired=damaged)


def _files(folder: Path) -> dict[str, list[int]]:
    """Length and time of last change of every file: enough to see a file cut short or written over."""
    stats = {path.name: path.stat() for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _seal(folder: Path, info: dict[str, Any]) -> None:
    content = json.dumps({"format": FORMAT, "files": _files(folder), "info": info}, ensure_ascii=False)
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT and manifest["files"] == _files(folder):
            info = manifest["info"]
            return info if isinstance(info, dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
