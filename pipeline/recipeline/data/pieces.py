"""Blocks on disk: arrays of a known shape, and rows whose longest is not known before all have been seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recipeline.families.spec import Part
from recipeline.storage.disk import reserve


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A new memory-mapped array, with the disk space that it takes."""
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    reserve(path, "the prepared data")
    return array


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
        files = {
            part: new_array(self._folder / f"{part}.{kind}.npy", dtype, (count, *shape))
            for part, count in counts.items()
        }
        for part, span, path, own in pieces:
            files[part][span, : own[0]] = np.load(path, mmap_mode="r")
            path.unlink()
        for file in files.values():
            file.flush()
        return shape
