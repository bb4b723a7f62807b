"""Blocks on disk: arrays of a known shape, and rows whose longest is not known before all have been seen."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from recipeline.errors import EnvironmentFault
from recipeline.families.spec import Part
from recipeline.storage.digested import DigestedFile
from recipeline.storage.disk import not_written, reserve

WHAT = "the prepared data"
"""What is said to be missing where there is no room for it."""


class RowFile:
    """An array on disk that is written row after row, for which there is room from the start.

    Written rather than mapped: of a mapped file every page that was touched counts as memory of this process.
    """

    def __init__(
        self, path: Path, dtype: Any, shape: tuple[int, ...], syncer: ThreadPoolExecutor | None = None
    ) -> None:
        """Begin the file.

        Args:
            path: Where it is.
            dtype: Of its numbers.
            shape: (rows, ...).
            syncer: Has the disk take in what is written while more comes, so that the sync at the end is short.
        """
        self._path, self._dtype, self._shape = path, np.dtype(dtype), shape
        self._rows = 0
        self._file = DigestedFile(path, syncer)
        try:
            header = BytesIO()
            said = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(header, said)
            self._file.write(header.getvalue())
            self._file.flush()
            os.truncate(path, self._file.tell() + math.prod(shape) * self._dtype.itemsize)
            reserve(path, WHAT)
        except BaseException:
            self._file.close()
            raise

    def add(self, rows: np.ndarray) -> None:
        """Write the next rows.

        Raises:
            EnvironmentFault: the disk takes no more.
        """
        self._rows += len(rows)
        if not rows.size:
            return
        written = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1).view(np.uint8).data
        try:
            self._file.write(written)
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> EnvironmentFault:
        return not_written(WHAT, self._path, error, needed=math.prod(self._shape) * self._dtype.itemsize)

    @property
    def digest(self) -> str:
        """The digest of what the file holds once it is whole, as hexadecimal digits."""
        return self._file.digest

    def close(self) -> None:
        """Leave the file; after the last row it is whole.

        Raises:
            EnvironmentFault: the disk did not take in what was written.
        """
        try:
            self._file.close()
        except OSError as error:
            raise self._not_written(error) from error

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        assert kind is not None or self._rows == self._shape[0], "as many rows as were announced"


class Pieces:
    """Batches of rows whose longest is not known yet, kept in files until all have been seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, list[tuple[Part, slice, Path, tuple[int, ...]]]] = {}

    @property
    def kinds(self) -> list[str]:
        """The kinds of block that there are pieces of."""
        return list(self._found)

    def shapes(self, kind: str) -> list[tuple[int, ...]]:
        """The shape of one row of each piece."""
        return [shape for _, _, _, shape in self._found[kind]]

    def add(self, part: Part, kind: str, span: slice, values: np.ndarray) -> None:
        """Keep these rows, which have their place in their part's block."""
        if not len(values):
            return
        pieces = self._found.setdefault(kind, [])
        path = self._folder / f"{kind}.{len(pieces)}.piece.npy"
        np.save(path, values)
        pieces.append((part, span, path, values.shape[1:]))

    def join(self, kind: str, counts: dict[Part, int], dtype: type) -> tuple[int, ...]:
        """Write each part's block, filled up with 0, and return the shape of one row."""
        pieces = self._found[kind]
        shape = (max(shape[0] for *_, shape in pieces), *pieces[0][3][1:])
        longest = shape[0]
        for part, count in counts.items():
            mine = sorted((span.start, path, own) for owner, span, path, own in pieces if owner == part)
            with RowFile(self._folder / f"{part}.{kind}.npy", dtype, (count, *shape)) as file:
                for _, path, own in mine:
                    rows = np.load(path, allow_pickle=False)
                    file.add(np.pad(rows, [(0, 0), (0, longest - own[0]), *[(0, 0)] * (rows.ndim - 2)]))
                    path.unlink()
        return shape
