"""Write a file so that a reader, or a crash at any moment, sees the old content or the new, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from recipeline.storage.temporary import temporary_beside

SYNC_BYTES = 32 * 1024**2
"""Bytes that are written before the disk is asked to take them in."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into; on leaving the block it takes the place of `path`, unless the block failed.

    Written beside its final place, fsynced, renamed, and the folder fsynced, so that the rename itself lasts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file's content at once."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Replace the file's content at once, as UTF-8."""
    write_bytes(path, content.encode())


def sync_file(path: Path) -> None:
    """Make what was written to this file last."""
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make renames in this folder last. Nothing to do where folders can't be opened, as on Windows."""
    if os.name != "nt":
        sync_file(folder)


class EarlySync:
    """Has the disk take in what is written of a file while more comes, so that the sync at the end is short.

    Linux says only once that a page was lost: here, and not again to the sync at the end.

    Args:
        path: The file.
        syncer: Where to wait for the disk.
    """

    def __init__(self, path: Path, syncer: ThreadPoolExecutor) -> None:
        self._path = path
        self._syncer = syncer
        self._unsynced = 0
        self._under_way: Future[None] | None = None

    def wrote(self, count: int) -> None:
        """So many more bytes have been written.

        Raises:
            OSError: the disk did not take in what was written before.
        """
        self._unsynced += count
        if self._unsynced > SYNC_BYTES and (self._under_way is None or self._under_way.done()):
            self.wait()
            self._unsynced = 0
            self._under_way = self._syncer.submit(sync_file, self._path)

    def wait(self) -> None:
        """Until a sync under way has ended.

        Raises:
            OSError: the disk did not take in what was written.
        """
        if self._under_way is not None:
            self._under_way.result()
