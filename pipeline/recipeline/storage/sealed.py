"""Folders that are whole or not there: written beside, synced, a manifest last, then renamed; verified before use.

    sealing(final)      temporary folder -> files -> fsync each -> manifest.json -> fsync -> rename -> fsync the parent
    verify(folder)      the manifest is unchanged, there are just its files, each has its length and sha256

Checkpoints, the cache and what is in it (tables, arrays, fitted states) are such folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from recipeline.storage.atomic import sync_file, sync_folder
from recipeline.storage.plain import open_plain, read_plain
from recipeline.storage.temporary import temporary_beside

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST_MANIFEST = 64_000_000
"""Bytes of a manifest that are read at most: nobody's manifest should fill the memory."""
ALWAYS_HASHED = 1_000_000
"""Files up to so many bytes are compared by their sha256 even by a quick look."""


AT_ONCE = 32_000_000
"""Bytes of all files from which on they are synced and hashed at the same time."""


class Damaged(Exception):
    """A sealed folder is not what it was when it was sealed."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        self.reason = reason
        super().__init__(f"{folder}: {reason}")


@dataclass(slots=True)
class Sealed:
    """A folder that was verified, or the one that is being written."""

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    """What the writer wanted remembered, JSON-able."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Every file's `bytes`, `sha256` and `modified`; known when it is sealed."""
    digests: dict[str, str] = field(default_factory=dict)
    """The sha256 of files that were digested while they were written: sealing need not read them once more."""
    meanwhile: Callable[[], None] | None = None
    """What is to be done while the files are synced and hashed; it may read them."""

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file whose content is verified once more through the very handle that is given out."""
        with open_plain(self.folder / name) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.files[name]["sha256"]:
                raise Damaged(self.folder, f"{name} is not what was written")
            file.seek(0)
            yield file


@contextmanager
def sealing(final: Path) -> Iterator[Sealed]:
    """A folder to write into, `folder`, and `info` to fill; on leaving the block it is sealed and named `final`.

    Raises:
        FileExistsError: `final` is there already, perhaps by another process.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(final)
    temporary.mkdir()
    try:
        under_way = Sealed(temporary)
        yield under_way
        if under_way.meanwhile is None:
            seal(temporary, under_way.info, digests=under_way.digests)
        else:
            with ThreadPoolExecutor(1, "recipeline-meanwhile") as beside:
                done = beside.submit(under_way.meanwhile)
                seal(temporary, under_way.info, digests=under_way.digests)
                done.result()
        try:
            temporary.rename(final)
        except OSError as error:
            if final.exists():
                raise FileExistsError(str(final)) from error
            raise
        sync_folder(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def seal(
    folder: Path, info: dict[str, Any], *, times: bool = True, digests: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Sync every file of a folder, then write its manifest.

    Args:
        folder: Where the files are.
        info: What is to be remembered, JSON-able.
        times: Note when each was changed last, for a quick look; without it the same files have the same manifest.
        digests: The sha256 of those files of which it is known, by name.
    """
    paths = sorted(folder.iterdir())
    large = sum(path.stat().st_size for path in paths) > AT_ONCE
    if large:  # the disk takes it in while its digest is computed
        with ThreadPoolExecutor(1, "recipeline-sync") as beside:
            synced = [beside.submit(sync_file, path) for path in paths]
            files = {path.name: _said(path, times, digests.get(path.name)) for path in paths}
            for each in synced:
                each.result()
    else:
        files = {}
        for path in paths:
            sync_file(path)
            files[path.name] = _said(path, times, digests.get(path.name))
    with (folder / MANIFEST).open("xb") as file:
        file.write(_rendered(files, json.loads(json.dumps(info))))  # as it will be read: keys are texts by then
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def _said(path: Path, times: bool, digest: str | None) -> dict[str, Any]:
    """What the manifest says of a file."""
    with path.open("rb") as file:
        if digest is None:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found = os.fstat(file.fileno())
    said: dict[str, Any] = {"bytes": found.st_size, "sha256": digest}
    return said | {"modified": found.st_mtime_ns} if times else said


def verify(folder: Path, *, thorough: bool = True, only: frozenset[str] | None = None) -> Sealed:
    """The folder, if it is what it was when it was sealed.

    Args:
        folder: Where it is.
        thorough: Compare every byte. Otherwise a large file with its length and its time of last change is believed.
        only: The names of the files that such a folder has; others don't belong there, whatever the manifest says.

    Raises:
        Damaged: it is not; the reason names the file.
    """
    sealed = _read_manifest(folder)
    names = {path.name for path in folder.iterdir()} - {MANIFEST}
    listed = set(sealed.files)
    strange = (names ^ listed) | (set() if only is None else listed ^ only)
    for name in sorted(strange):
        lacking = name not in names and (only is None or name in only)
        raise Damaged(folder, f"{ascii(name)[1:-1]} {'is missing' if lacking else 'does not belong there'}")
    for name, expected in sealed.files.items():
        path = folder / name
        try:
            with open_plain(path) as file:
                found = os.fstat(file.fileno())
                if found.st_size != expected["bytes"]:
                    raise Damaged(folder, f"{name} has {found.st_size:,} bytes in place of {expected['bytes']:,}")
                unchanged = found.st_mtime_ns == expected.get("modified") and found.st_size > ALWAYS_HASHED
                if unchanged and not thorough:
                    continue
                if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                    raise Damaged(folder, f"{name} is not what was written")
        except OSError as error:
            raise Damaged(folder, f"{name} can't be read: {error.strerror or error}") from error
    return sealed


def _read_manifest(folder: Path) -> Sealed:
    try:
        content = read_plain(folder / MANIFEST, LARGEST_MANIFEST)
        written = json.loads(content)["manifest"]
        if written["format"] != FORMAT:
            raise Damaged(folder, f"its format is {ascii(written['format'])[:40]}, and this version reads {FORMAT}")
        files, info = dict(written["files"]), dict(written["info"])
        # Rendered once more: every single byte of it has to be the one that was written.
        if content != _rendered(files, info) or not all(_is_entry(name, said) for name, said in files.items()):
            raise Damaged(folder, f"{MANIFEST} is not what was written")
    except FileNotFoundError as error:
        raise Damaged(folder, f"{MANIFEST} is missing") from error
    except OSError as error:
        raise Damaged(folder, f"{MANIFEST} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(folder, f"{MANIFEST} is not what was written") from error
    return Sealed(folder, info, files)


def _is_entry(name: str, said: Any) -> bool:
    """Whether this may stand in a manifest: the name of a file in the folder itself, its length and its sha256."""
    plain = name.isprintable() and Path(name).name == name and name != ".."
    return plain and isinstance(said, dict) and type(said.get("bytes")) is int and isinstance(said.get("sha256"), str)


def _rendered(files: dict[str, dict[str, Any]], info: dict[str, Any]) -> bytes:
    manifest = {"format": FORMAT, "files": files, "info": info}
    digest = hashlib.sha256(json.dumps(manifest, ensure_ascii=True).encode()).hexdigest()
    document = {"manifest": manifest, "sha256": digest}
    return json.dumps(document, ensure_ascii=True, indent=1).encode() + b"\n"
