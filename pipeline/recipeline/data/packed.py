"""Rows of numbers in the room that they need: true and false as a byte each, beside numbers as float32.

What `one_hot` makes of words is mostly zeros, four bytes each as float32. Where there is much of it, a file holds its
rows packed: as a numpy record, whose fields are the stretches of neighbouring columns of one kind, each called by the
place of its first column. A batch is gathered packed and then widened: float32, the columns in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    import torch

LEAST_BYTES = 64 * 1024**2
"""Bytes of float32 from which on rows are packed: fewer are written and read in no time."""

WORTH = 2
"""How many times smaller packed rows have to be."""


def packed_type(narrow: Sequence[bool], rows: int) -> np.dtype[Any] | None:
    """The type of one packed row; None where rows had better be float32.

    Args:
        narrow: Of each column whether it holds nothing but true and false.
        rows: How many there are.
    """
    if not any(narrow) or 4 * len(narrow) * rows < LEAST_BYTES:
        return None
    stretches, start = [], 0
    for small, columns in groupby(narrow):
        count = len(list(columns))
        stretches.append((start, count, small))
        start += count
    names, formats, offsets, end = [], [], [], 0
    for start, count, small in sorted(stretches, key=lambda stretch: stretch[2]):  # float32 first, at multiples of 4
        names.append(str(start))
        formats.append((np.uint8 if small else np.float32, (count,)))
        offsets.append(end)
        end += count * (1 if small else 4)
    size = -(-end // 4) * 4
    if WORTH * size > 4 * len(narrow):
        return None
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def pack(columns: pl.DataFrame, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Rows of this type; None when a value is missing or not finite, or where the type has bytes not true or false.

    Args:
        columns: Numbers, and Boolean where the type has bytes.
        dtype: From `packed_type`.
    """
    import polars as pl

    taken = sum(dtype[name].itemsize for name in dtype.names or ())
    # Also behind the fields: the same rows are the same bytes.
    rows = np.empty(columns.height, dtype) if taken == dtype.itemsize else np.zeros(columns.height, dtype)
    for name in dtype.names or ():
        start, count = int(name), dtype[name].shape[0]
        stretch = columns[:, start : start + count]
        if dtype[name].base == np.uint8:
            if any(column.dtype != pl.Boolean or column.null_count() for column in stretch):
                return None
            _spread(stretch, rows[name])
        else:
            numbers = stretch.select(map(float32, stretch)).to_numpy(order="c")  # nulls become NaN
            if not np.isfinite(numbers).all():
                return None
            rows[name] = numbers
    return rows


def _spread(columns: pl.DataFrame, rows: np.ndarray) -> None:
    """Write columns of true and false as bytes, row by row.

    polars and Arrow hold a column's values as bits. Eight rows of a column, which are a byte, change places with those
    of the others before they are taken apart: in a quarter of the time of doing so byte by byte.
    """
    import polars as pl

    height = columns.height // 8
    eights = np.stack([_bits(column)[:height] for column in columns], axis=1)
    spread = rows[: 8 * height].reshape(height, 8, columns.width)
    for place in range(8):
        np.bitwise_and(eights >> place, 1, out=spread[:, place])
    rows[8 * height :] = columns[8 * height :].select(pl.all().cast(pl.UInt8)).to_numpy()


def _bits(column: pl.Series) -> np.ndarray:
    """The values of a column of true and false, eight a byte, the first one lowest."""
    held = column.to_arrow()
    if held.offset % 8:
        return np.packbits(column.to_numpy(), bitorder="little")
    return np.frombuffer(held.buffers()[1], dtype=np.uint8)[held.offset // 8 :]


def float32(column: pl.Series) -> pl.Expr:
    """The column as float32."""
    import polars as pl

    name = pl.col(column.name)
    if column.dtype != pl.Boolean or column.null_count():
        return name.cast(pl.Float32)
    one, zero = pl.lit(1.0, dtype=pl.Float32), pl.lit(0.0, dtype=pl.Float32)
    return pl.when(name).then(one).otherwise(zero).alias(column.name)  # in a quarter of a cast's time


def as_tensor(rows: np.ndarray) -> torch.Tensor:
    """The rows where they lie: packed ones as uint8 (rows, bytes)."""
    import torch

    if rows.dtype.names is None:
        return torch.from_numpy(rows)
    return torch.from_numpy(rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize))


@dataclass(frozen=True, slots=True)
class Packing:
    """How packed rows become wide ones."""

    width: int
    """Columns."""
    stretches: tuple[tuple[int, int, int, bool], ...]
    """First column, how many there are, where in a row they are in bytes, and whether they are a byte each."""

    @classmethod
    def of(cls, rows: np.ndarray) -> Packing | None:
        """How these are packed; None when they aren't."""
        if rows.dtype.fields is None:
            return None
        fields = [(int(name), field[0], field[1]) for name, field in rows.dtype.fields.items()]
        found = tuple((start, kind.shape[0], offset, kind.base == np.uint8) for start, kind, offset in fields)
        return cls(sum(count for _, count, _, _ in found), found)

    def wide(
        self, rows: torch.Tensor, empty: Callable[[tuple[int, ...], torch.dtype], torch.Tensor] | None = None
    ) -> torch.Tensor:
        """These rows as float32 (rows, columns).

        Args:
            rows: uint8 (rows, bytes).
            empty: Makes the memory that they are written to.
        """
        import torch

        shape = (len(rows), self.width)
        made = rows.new_empty(shape, dtype=torch.float32) if empty is None else empty(shape, torch.float32)
        for start, count, offset, small in self.stretches:
            found = rows[:, offset : offset + count * (1 if small else 4)]
            made[:, start : start + count] = found if small else found.view(torch.float32)
        return made


def widened(rows: np.ndarray) -> np.ndarray:
    """Rows of any kind; packed ones as float32 (rows, columns)."""
    packing = Packing.of(rows)
    return rows if packing is None else packing.wide(as_tensor(rows)).numpy()
