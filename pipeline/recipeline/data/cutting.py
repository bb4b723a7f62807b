"""Batches cut from a part's rows: one gather a block, and no padding beyond the longest row of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from recipeline.data.arrays import cut_to_longest
from recipeline.data.packed import Packing, as_tensor
from recipeline.families.spec import PADDING

if TYPE_CHECKING:
    from recipeline.data.prepared import Arrays

Batch = tuple[tuple[torch.Tensor, ...], torch.Tensor]
"""The blocks in the architecture's order, and the target."""

Place = torch.Tensor | slice
"""The rows of a batch: their numbers in the part, int64 (batch,), or a stretch of them."""

Empty = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
"""Makes a tensor of this shape and type, to be filled."""


class Cutter:
    """Cuts batches from one part, on whatever device its rows are.

    Args:
        blocks: The rows of each block.
        target: Their targets.
        kinds: The kind of each block; needed where one is `lengths`.
        empty: Makes the memory that a batch is copied to; by default stretches are not copied, and other rows are
            gathered into memory that torch finds.
        packings: How the rows of each block are packed; by default none are.
    """

    def __init__(
        self,
        blocks: tuple[torch.Tensor, ...],
        target: torch.Tensor,
        kinds: tuple[str, ...] = (),
        empty: Empty | None = None,
        packings: tuple[Packing | None, ...] | None = None,
    ) -> None:
        self._blocks = blocks
        self._target = target
        self._kinds = kinds
        self._empty = empty
        self._packings = (None,) * len(blocks) if packings is None else packings
        self._packed = any(packing is not None for packing in self._packings)

    @property
    def device(self) -> torch.device:
        """Where the rows are, and their numbers have to be."""
        return self._target.device

    def to(self, device: torch.device) -> Cutter:
        """One whose rows are on this device."""
        blocks = tuple(block.to(device) for block in self._blocks)
        return Cutter(blocks, self._target.to(device), self._kinds, packings=self._packings)

    def into(self, empty: Empty) -> Cutter:
        """One that copies each batch into memory made this way."""
        return Cutter(self._blocks, self._target, self._kinds, empty, self._packings)

    def cut(self, place: Place) -> Batch:
        """The batch of these rows."""
        return self.between(place.start, place.stop) if isinstance(place, slice) else self.at(place)

    def at(self, index: torch.Tensor) -> Batch:
        """The rows of these numbers, in their order."""
        if self._empty is None and not self._packed:
            blocks = tuple([block.index_select(0, index) for block in self._blocks])
            return cut_to_longest(blocks, self._kinds), _cut(self._target.index_select(0, index))
        blocks = tuple([self._gathered(*block, index) for block in zip(self._blocks, self._packings, strict=True)])
        return cut_to_longest(blocks, self._kinds), _cut(self._gathered(self._target, None, index))

    def between(self, start: int, end: int) -> Batch:
        """The rows from one number up to, but without, another."""
        blocks, target = tuple([block[start:end] for block in self._blocks]), self._target[start:end]
        if self._empty is not None or self._packed:
            blocks = tuple([self._copied(*block) for block in zip(blocks, self._packings, strict=True)])
            target = self._copied(target, None)
        return (cut_to_longest(blocks, self._kinds), _cut(target)) if start < end else (blocks, target)

    def _gathered(self, rows: torch.Tensor, packing: Packing | None, index: torch.Tensor) -> torch.Tensor:
        if packing is not None:
            return packing.wide(rows.index_select(0, index), self._empty)
        if self._empty is None:
            return rows.index_select(0, index)
        return torch.index_select(rows, 0, index, out=self._empty((len(index), *rows.shape[1:]), rows.dtype))

    def _copied(self, rows: torch.Tensor, packing: Packing | None) -> torch.Tensor:
        if packing is not None:
            return packing.wide(rows, self._empty)
        return rows if self._empty is None else self._empty(tuple(rows.shape), rows.dtype).copy_(rows)


def cutter_of(arrays: Arrays) -> Cutter:
    """One that cuts from these arrays where they lie."""
    blocks = tuple(as_tensor(block) for block in arrays.blocks)
    packings = tuple(Packing.of(block) for block in arrays.blocks)
    return Cutter(blocks, torch.from_numpy(arrays.target), arrays.kinds, packings=packings)


def _cut(target: torch.Tensor) -> torch.Tensor:
    """Sequences (batch, longest) without the padding beyond the batch's longest; other targets as they are."""
    if target.ndim != 2 or target.is_floating_point():
        return target
    return target[:, : int((target != PADDING).sum(dim=1).max())]
