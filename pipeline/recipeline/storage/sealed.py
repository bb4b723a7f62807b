"""Folders that are whole or not there: written beside, synced, a manifest last, then renamed; verified before use.

    sealing(final)      temporary folder -> files -> fsync each -> manifest.json -> fsync -> rename -> fsync the parent
    verify(folder)      the manifest is unchanged, there are just its files, each has its length and digest

Checkpoints, the cache and what is in it (tables, arrays, fitted states) are such folders. What others may bring or
take away has sha256 as its digest. The cache, which no one does, has XXH3, in a tenth of the time: it tells damage, and
not who did it. (Collet 2023, The xxHash fast digest algorithm, draft.)
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
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from recipeline.storage.atomic import sync_file, sync_folder
from recipeline.storage.plain import open_plain, read_plain
from recipeline.storage.temporary import temporary_beside

if TYPE_CHECKING:
    import xxhash

Digest = Literal["sha256", "xxh3_128"]
QUICK: Digest = "xxh3_128"
"""What `quick_digest` makes."""

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST_MANIFEST = 64_000_000
"""Bytes of a manifest that are read at most: nobody's manifest should fill the memory."""
ALWAYS_HASHED = 1_000_000
"""Files up to so many bytes are compared by their digest even by a quick look."""


AT_ONCE = 32_000_000
"""Bytes of all files from which on they are synced and hashed at the same time."""

SYNCED_AT_ONCE = 8
"""Files that the disk is asked to take in at once: it notes them together, which takes little longer than one."""


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
    """Every file's `bytes`, digest and `modified`; known when it is sealed."""
    digest: Digest = "sha256"
    digests: dict[str, str] = field(default_factory=dict)
    """The digests of files that were digested while they were written: sealing need not read them once more."""
    meanwhile: Callable[[], None] | None = None
    """What is to be done while the files are synced and hashed; it may read them."""

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file whose content is verified once more through the very handle that is given out."""
        with open_plain(self.folder / name) as file:
            if _digest_of(file, self.digest) != self.files[name][self.digest]:
                raise Damaged(self.folder, f"{name} is not what was written")
            file.seek(0)
            yield file


def quick_digest() -> xxhash.xxh3_128:
    """An empty digest of the quick kind, to fill while a file is written."""
    import xxhash

    return xxhash.xxh3_128()


@contextmanager
def sealing(final: Path, digest: Digest = "sha256") -> Iterator[Sealed]:
    """A folder to write into, `folder`, and `info` to fill; on leaving the block it is sealed and named `final`.

    Args:
        final: Where it is then.
        digest: What tells whether its files are what was written.

    Raises:
        FileExistsError: `final` is there already, perhaps by another process.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(final)
    temporary.mkdir()
    try:
        under_way = Sealed(temporary, digest=digest)
        yield under_way
        if under_way.meanwhile is None:
            seal(temporary, under_way.info, digest=digest, digests=under_way.digests)
        else:
            with ThreadPoolExecutor(1, "recipeline-meanwhile") as beside:
                done = beside.submit(under_way.meanwhile)
                seal(temporary, under_way.info, digest=digest, digests=under_way.digests)
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
    folder: Path,
    info: dict[str, Any],
    *,
    times: bool = True,
    digest: Digest = "sha256",
    digests: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Sync every file of a folder, then write its manifest.

    Args:
        folder: Where the files are.
        info: What is to be remembered, JSON-able.
        times: Note when each was changed last, for a quick look; without it the same files have the same manifest.
        digest: What tells whether its files are what was written.
        digests: Of those files of which it is known, by name.
    """
    paths = sorted(folder.iterdir())
    large = sum(path.stat().st_size for path in paths) > AT_ONCE
    if large:  # the disk takes it in while its digest is computed
        with ThreadPoolExecutor(SYNCED_AT_ONCE, "recipeline-sync") as beside:
            synced = [beside.submit(sync_file, path) for path in paths]
            files = {path.name: _said(path, times, digest, digests.get(path.name)) for path in paths}
            for each in synced:
                each.result()
    else:
        files = {}
        for path in paths:
            sync_file(path)
            files[path.name] = _said(path, times, digest, digests.get(path.name))
    with (folder / MANIFEST).open("xb") as file:
        file.write(_rendered(files, json.loads(json.dumps(info))))  # as it will be read: keys are texts by then
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def _said(path: Path, times: bool, digest: Digest, known: str | None) -> dict[str, Any]:
    """What the manifest says of a file."""
    with path.open("rb") as file:
        said: dict[str, Any] = {"bytes": 0, digest: _digest_of(file, digest) if known is None else known}
        found = os.fstat(file.fileno())
    said["bytes"] = found.st_size
    return said | {"modified": found.st_mtime_ns} if times else said


def _digest_of(file: BufferedReader, digest: Digest) -> str:
    """The rest of a file's digest, as hexadecimal digits."""
    return hashlib.file_digest(file, digest if digest == "sha256" else quick_digest).hexdigest()


def verify(
    folder: Path, *, thorough: bool = True, only: frozenset[str] | None = None, digest: Digest = "sha256"
) -> Sealed:
    """The folder, if it is what it was when it was sealed.

    Args:
        folder: Where it is.
        thorough: Compare every byte. Otherwise a large file with its length and its time of last change is believed.
        only: The names of the files that such a folder has; others don't belong there, whatever the manifest says.
        digest: What it was sealed with.

    Raises:
        Damaged: it is not; the reason names the file.
    """
    sealed = _read_manifest(folder, digest)
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
                if _digest_of(file, digest) != expected[digest]:
                    raise Damaged(folder, f"{name} is not what was written")
        except OSError as error:
            raise Damaged(folder, f"{name} can't be read: {error.strerror or error}") from error
    return sealed


def remembered(folder: Path, digest: Digest = "sha256") -> dict[str, Any] | None:
    """What the writer of a folder wanted remembered, without a look at its files; None where it can't be read."""
    try:
        return _read_manifest(folder, digest).info
    except Damaged:
        return None


def _read_manifest(folder: Path, digest: Digest) -> Sealed:
    try:
        content = read_plain(folder / MANIFEST, LARGEST_MANIFEST)
        written = json.loads(content)["manifest"]
        if written["format"] != FORMAT:
            raise Damaged(folder, f"its format is {ascii(written['format'])[:40]}, and this version reads {FORMAT}")
        files, info = dict(written["files"]), dict(written["info"])
        # Rendered once more: every single byte of it has to be the one that was written.
        if content != _rendered(files, info) or not all(_is_entry(name, said, digest) for name, said in files.items()):
            raise Damaged(folder, f"{MANIFEST} is not what was written")
    except FileNotFoundError as error:
        raise Damaged(folder, f"{MANIFEST} is missing") from error
    except OSError as error:
        raise Damaged(folder, f"{MANIFEST} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(folder, f"{MANIFEST} is not what was written") from error
    return Sealed(folder, info, files, digest)


def _is_entry(name: str, said: Any, digest: Digest) -> bool:
    """Whether this may stand in a manifest: the name of a file in the folder itself, its length and its digest."""
    plain = name.isprintable() and Path(name).name == name and name != ".."
    return plain and isinstance(said, dict) and type(said.get("bytes")) is int and isinstance(said.get(digest), str)


def _rendered(files: dict[str, dict[str, Any]], info: dict[str, Any]) -> bytes:
    manifest = {"format": FORMAT, "files": files, "info": info}
    digest = hashlib.sha256(json.dumps(manifest, ensure_ascii=True).encode()).hexdigest()
    document = {"manifest": manifest, "sha256": digest}
    return json.dumps(document, ensure_ascii=True, indent=1).encode() + b"\n"
