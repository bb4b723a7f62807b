"""Shuffling of arrays that don't fit in memory: blocks of rows in any order, and rows in any order among a few blocks.

Rows at random places of a file cost a read each. A block is read as it lies; a window is as many blocks as fit in a
part of the memory, taken from all over the file, and the rows within it come in any order.
"""

from __future__ import annotations

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
