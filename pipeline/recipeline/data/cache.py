"""A folder of results addressed by what they were made from: made once, found by everyone, never half there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from recipeline.errors import EnvironmentFault
from recipeline.storage.disk import not_written
from recipeline.storage.sealed import QUICK, Damaged, Sealed, remembered, sealing, verify
from recipeline.storage.temporary import clear_stale, discard

FORMAT = 5
"""Version of what the engine writes; a change of it makes every older entry unfindable."""

MADE_OF = "made_of"
LOOKED_AT = 20
"""Entries, the newest first, that a new one is compared with."""
ASKED = 500
"""Entries up to which all are asked what they were made of."""


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
    changed: tuple[str, ...] = ()
    """What differs from the entry that is most like it, where one is like it and this one was not there."""


def address(content: Any) -> str:
    """The sha256 of JSON-able content, the same whatever the order of its keys."""
    text = json.dumps([FORMAT, content], sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def look_up(root: Path, key: str) -> Entry | None:
    """The entry of this key if it is there and whole."""
    info = _whole(root / key)
    return None if info is None else Entry(root / key, info, hit=True)


def changed(root: Path, made_of: Mapping[str, str]) -> tuple[str, ...]:
    """In what the most similar entry differs: the words for it; nothing where none has more than half in common.

    Args:
        root: Folder of entries of one kind.
        made_of: What an entry is made from: words for a reader, and an address of each.
    """
    found: tuple[str, ...] = ()
    try:
        newest = sorted(root.glob("*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    except OSError:  # another process has just cleared one away
        return ()
    for folder in newest[:LOOKED_AT]:
        other = (_whole(folder) or {}).get(MADE_OF)
        if not isinstance(other, dict):
            continue
        differing = tuple(word for word in {**made_of, **other} if made_of.get(word) != other.get(word))
        if differing and 2 * len(differing) < len(made_of) and (not found or len(differing) < len(found)):
            found = differing
    return found


def surely_lacks(root: Path, part: str, made_of: str) -> bool:
    """Whether no entry was made of this, as is known before the rest of a key is: never said where it is in doubt.

    Args:
        root: Folder of entries of one kind.
        part: Words for a part of the key.
        made_of: The part's address.
    """
    try:
        folders = list(islice(root.glob("*/"), ASKED + 1))
    except OSError:
        return False
    if len(folders) > ASKED:
        return False
    made = [(remembered(folder, QUICK) or {}).get(MADE_OF) for folder in folders]
    return not any(isinstance(parts, dict) and parts.get(part) == made_of for parts in made)


def obtain(
    root: Path,
    key: str,
    build: Callable[[Sealed], dict[str, Any]],
    made_of: Mapping[str, str] | None = None,
    meanwhile: Callable[[Path], None] | None = None,
) -> Entry:
    """The entry of this key, built when it is missing or damaged.

    Args:
        root: Folder of entries of one kind.
        key: Content address.
        build: Writes files into the folder of what is to be sealed and returns what should be remembered.
        made_of: The parts of the key, as `changed` takes them, to say later what was another one's.
        meanwhile: What is done with a new entry's folder while it is sealed: it reads the files there.

    Raises:
        EnvironmentFault: the cache can't be written.
    """
    found = look_up(root, key)
    if found is not None:
        return found
    differing = changed(root, made_of) if made_of is not None else ()
    final = root / key
    try:
        clear_stale(root)
        damaged = final.exists()
        # Built beside and renamed: of two processes that build the same entry, one wins and both use its folder.
        with sealing(final, digest=QUICK) as under_way:
            info = build(under_way)
            under_way.info |= info | ({MADE_OF: dict(made_of)} if made_of is not None else {})
            if meanwhile is not None:
                under_way.meanwhile = partial(meanwhile, under_way.folder)
            if damaged:
                discard(final)
    except FileExistsError as error:
        winner = look_up(root, key)
        if winner is None:
            raise _not_written(root, error) from error
        return winner
    except OSError as error:
        raise _not_written(root, error) from error
    return Entry(final, info, hit=False, repaired=damaged, changed=() if damaged else differing)


def _not_written(root: Path, error: OSError) -> EnvironmentFault:
    advice = "Or set RECIPELINE_HOME to a folder that can be written."
    return not_written("the cache", Path(error.filename or root), error, advice=advice)


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        return verify(folder, thorough=False, digest=QUICK).info
    except (Damaged, OSError):
        return None
