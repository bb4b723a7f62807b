"""What the data stages hand to training: memory-mapped arrays by part, and the fitted pipeline that made them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recipeline.data.pipeline import FittedPipeline
from recipeline.families.spec import InputSpec, Part, TargetSpec

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Arrays:
    """The rows of one part, ready to be cut into batches. Row-major, memory-mapped."""

    blocks: tuple[np.ndarray, ...]
    """One array a block, in the order of the architecture's `accepts`: (rows, *shape)."""
    target: np.ndarray
    """Regression float32 (rows, targets), normalized; classes int64 (rows,); multilabel float32 (rows, labels);
    sequence int64 (rows, longest), filled up with 0."""
    rows: np.ndarray
    """The source's row number of each, from 0; int64 (rows,)."""
    kinds: tuple[str, ...] = ()
    """The kind of each block; needed where one is `lengths`."""

    def __len__(self) -> int:
        return len(self.target)

    def mapped(self) -> Iterator[tuple[np.memmap[Any, Any], mmap.mmap]]:
        """The arrays that are the whole of a mapped file, and the mappings."""
        import numpy as np

        for array in (*self.blocks, self.target, self.rows):
            if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
                yield array, array.base


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Everything that training, evaluation and the logged model need to know of the data."""

    inputs: InputSpec
    target: TargetSpec
    parts: Mapping[Part, Arrays]
    """The parts that have rows."""
    pipeline: FittedPipeline
    """The fitted steps: raw rows in, blocks out."""
    fingerprint: str
    """The source's fingerprint."""
    key: str
    """The content address of the prepared arrays in the cache."""
    cache_hit: bool
    series: np.ndarray | None = None
    """Where the source holds several series: which one each train row belongs to, int64 (rows,)."""
    changed: tuple[str, ...] = ()
    """What differs from the arrays in the cache that are most like them, where these weren't there."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able: rows by part, and a column's role, type, missing values and range."""
    notes: tuple[str, ...] = ()
    """What a reader should be told once: inferred task, columns left out, rows left out, values imputed."""

    def let_go(self) -> None:
        """Give back the memory that what was read of the arrays takes; it is read again when it is used."""
        if not hasattr(mmap, "MADV_DONTNEED"):  # Windows
            return
        for arrays in self.parts.values():
            for _, mapping in arrays.mapped():
                mapping.madvise(mmap.MADV_DONTNEED)
