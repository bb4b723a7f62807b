"""Write a file from its beginning to its end and have its digest then, without reading it once more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recipeline.storage.atomic import EarlySync
from recipeline.storage.sealed import quick_digest


class DigestedFile:
    """A file that only grows, and that is digested as it does. What pyarrow writes to takes it for a file.

    Args:
        path: Where it is.
        syncer: Has the disk take in what is written while more comes, so that the sync at the end is short.
    """

    def __init__(self, path: Path, syncer: ThreadPoolExecutor | None = None) -> None:
        self._early = EarlySync(path, syncer) if syncer else None
        self._digest = quick_digest()
        self._size = 0
        self._file = path.open("wb")

    def write(self, content: bytes | memoryview) -> int:
        """Write the next bytes.

        Raises:
            OSError: the disk takes no more, or has not taken in what was written before.
        """
        written = memoryview(content).cast("B")
        self._file.write(written)
        self._digest.update(written)  # while it is in the processor's cache
        self._size += written.nbytes
        if self._early:
            self._early.wrote(written.nbytes)
        return written.nbytes

    @property
    def digest(self) -> str:
        """The quick digest of what has been written, as hexadecimal digits."""
        return self._digest.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether nothing more is written."""
        return self._file.closed

    def tell(self) -> int:
        """How many bytes have been written."""
        return self._size

    def flush(self) -> None:
        """Hand everything over to the system."""
        self._file.flush()

    def close(self) -> None:
        """Leave the file.

        Raises:
            OSError: the disk did not take in what was written.
        """
        try:
            if self._early:
                self._early.wait()
        finally:
            self._file.close()
