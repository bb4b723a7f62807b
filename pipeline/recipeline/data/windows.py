"""Shuffling of arrays that don't fit in memory: blocks of rows in any order, and rows in any order among a few blocks.

Rows at random places of a file cost a read each. A block is read as it lies; a window is as many blocks as fit in a
part of the memory, taken from all over the file, and the rows within it come in any order.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from recipeline.data.prepared import Arrays

BLOCK_BYTES = 1024**2
"""What is read at once where it lies together: from here on reading in one go is as quick as it gets."""

FITS = 0.5
"""Share of the memory up to which arrays are taken to stay in it."""

WINDOW = 0.125
"""Share of the memory that a window takes."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How arrays are shuffled that are larger than memory."""

    block: int
    """Rows of a block."""
    window: int
    """Blocks of a window."""

    @property
    def rows(self) -> int:
        """Rows of a window."""
        return self.block * self.window

    def order(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """All rows, each once; int64 (rows,)."""
        blocks = torch.randperm(-(-rows // self.block), generator=generator)
        order = (blocks[:, None] * self.block + torch.arange(self.block)).flatten()
        order = order[order < rows]
        for start in range(0, rows, self.rows):
            window = order[start : start + self.rows]
            order[start : start + self.rows] = window[torch.randperm(len(window), generator=generator)]
        return order


def windows_for(arrays: Arrays, memory: int) -> Windows | None:
    """How to shuffle these arrays with so many bytes of memory; None where they fit in it."""
    taken = sum(block.nbytes for block in arrays.blocks) + arrays.target.nbytes
    if not len(arrays) or taken <= FITS * memory:
        return None
    row = max(1, taken // len(arrays))
    block = max(1, BLOCK_BYTES // row)
    return Windows(block, max(2, int(WINDOW * memory) // (block * row)))


class Reader:
    """Has the blocks of a window read when its first row is wanted, and nothing beside them.

    Where a mapped file is read at a random place, the system reads on from there, megabytes at a time where it is set
    up for large files: so much beside each block that memory can't hold it, and all is read again and again.

    Args:
        arrays: What is read, of which mapped files alone matter.
        windows: How they are shuffled.
        begin: The place in the order that reading begins at.
    """

    def __init__(self, arrays: Arrays, windows: Windows, begin: int = 0) -> None:
        self._windows = windows
        self._read = begin // windows.rows * windows.rows
        # The mapping of a file, where its first row begins in it, and the bytes of a row.
        self._mapped: list[tuple[mmap.mmap, int, int]] = []
        for array, mapping in arrays.mapped() if hasattr(mmap, "MADV_RANDOM") else ():  # not on Windows
            if array is not arrays.rows:  # which no batch takes
                self._mapped.append((mapping, array.offset % mmap.ALLOCATIONGRANULARITY, array.strides[0]))

    def __enter__(self) -> Reader:
        self._advise("MADV_RANDOM")
        return self

    def __exit__(self, *_: object) -> None:
        self._advise("MADV_NORMAL")

    def until(self, order: torch.Tensor, end: int) -> None:
        """Have read what the rows of this order take, up to this place in it."""
        while self._mapped and self._read < end:
            window = order[self._read : self._read + self._windows.rows]
            for block in torch.unique(window // self._windows.block).tolist():
                for mapped, start, row in self._mapped:
                    first = start + block * self._windows.block * row
                    first -= first % mmap.PAGESIZE
                    length = min(self._windows.block * row + mmap.PAGESIZE, len(mapped) - first)
                    mapped.madvise(mmap.MADV_WILLNEED, first, length)
            self._read += self._windows.rows

    def _advise(self, name: str) -> None:
        for mapped, _, _ in self._mapped:
            mapped.madvise(getattr(mmap, name))
