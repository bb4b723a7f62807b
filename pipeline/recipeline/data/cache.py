"""A folder of results addressed by what they were made from: made once, found by everyone, never half there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipeline.errors import EnvironmentFault
from recipeline.storage.disk import not_written
from recipeline.storage.sealed import Damaged, sealing, verify
from recipeline.storage.temporary import clear_stale, discard

FORMAT = 3
"""Version of what the engine writes; a change of it makes every older entry unfindable."""


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
        clear_stale(root)
        damaged = final.exists()
        # Built beside and renamed: of two processes that build the same entry, one wins and both use its folder.
        with sealing(final) as under_way:
            info = build(under_way.folder)
            under_way.info |= info
            if damaged:
                discard(final)
    except FileExistsError as error:
        winner = look_up(root, key)
        if winner is None:
            raise _not_written(root, error) from error
        return winner
    except OSError as error:
        raise _not_written(root, error) from error
    return Entry(final, info, hit=False, repaired=damaged)


def _not_written(root: Path, error: OSError) -> EnvironmentFault:
    advice = "Or set RECIPELINE_HOME to a folder that can be written."
    return not_written("the cache", Path(error.filename or root), error, advice=advice)


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        return verify(folder, thorough=False).info
    except (Damaged, OSError):
        return None
