"""The typed file of a table: written in record batches, and read from its beginning to its end a few rows at a time.

polars reads a whole record batch for each slice of it, which is several times the work. pyarrow reads each batch once,
into memory that is free again when the rows are: of a mapped file every page that was looked at would count as ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

RECORD_ROWS = 65_536
"""Rows of a record batch, so that batches are the same wherever a file was written."""


def record_batches(path: Path, columns: Sequence[str], most: int) -> Iterator[pl.DataFrame]:
    """These columns of all rows in their order, at most so many rows at a time.

    Args:
        path: Arrow IPC.
        columns: At least one.
        most: Rows at a time.
    """
    import polars as pl

    schema = pl.read_ipc_schema(path)
    if any(schema[name].is_nested() or schema[name] == pl.Binary for name in columns):
        yield from _slices(path, columns, most)  # a record batch of images would be too much at once
        return
    import pyarrow as pa
    from pyarrow import ipc

    names = list(schema)
    with pa.OSFile(str(path)) as file:
        options = ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in columns))
        reader = ipc.open_file(file, options=options)
        for number in range(reader.num_record_batches):
            batch = pl.DataFrame(reader.get_batch(number)).select(columns)
            for start in range(0, batch.height, most):
                yield batch.slice(start, most)


def _slices(path: Path, columns: Sequence[str], most: int) -> Iterator[pl.DataFrame]:
    import polars as pl

    rows = pl.scan_ipc(path)
    height = int(rows.select(pl.len()).collect().item())
    picked = rows.select(columns)
    for start in range(0, height, most):
        yield picked.slice(start, most).collect(engine="in-memory")
