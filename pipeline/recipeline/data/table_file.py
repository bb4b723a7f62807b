"""The typed file of a table: written in record batches, and read from its beginning to its end a few rows at a time.

polars reads a whole record batch for each slice of it, which is several times the work. pyarrow looks at each batch
once: in the mapped file, of which what has been looked at is let go, or, for a few columns of many, in a copy of them.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline.families.source import TypedFile
from recipeline.storage.digested import DigestedFile
from recipeline.storage.disk import not_written

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

RECORD_ROWS = 65_536
"""Rows of a record batch at most."""

RECORD_BYTES = 16 * 1024**2
"""Bytes of a record batch at most, were all of its cells numbers."""

FEW_OF = 8
"""Of more than so many columns for each that is asked for, the others are not looked at."""

SLICED_BYTES = 128 * 1024**2
"""Size of a table from which on it is written a slice at a time where that can be: polars would hold many at once."""


def load() -> None:
    """Import what reads typed files: beside something else it costs no time."""
    import pyarrow.ipc  # noqa: F401


def record_rows(columns: int) -> int:
    """Rows of a record batch of so many columns: the same wherever a file is written, and so are batches of it."""
    return min(RECORD_ROWS, max(1024, RECORD_BYTES // (8 * max(1, columns))))


def write(rows: pl.LazyFrame, path: Path, height: int | None = None) -> str | None:
    """Write a typed file.

    Args:
        rows: Its rows.
        path: Where to.
        height: How many there are, if a slice of them is read without those before it.

    Returns:
        Its digest, if that has been taken on the way.
    """
    import polars as pl

    schema = rows.collect_schema()
    nested = any(dtype.is_nested() or dtype == pl.Binary for dtype in schema.values())
    if height is None or nested or height * len(schema) * 8 < SLICED_BYTES:
        rows.sink_ipc(path, compression="uncompressed", record_batch_size=record_rows(len(schema)))
        return None
    written = write_batches(slices(rows, height, RECORD_ROWS), path)
    return written.digest if written else None


def write_batches(batches: Iterable[pl.DataFrame], path: Path) -> TypedFile | None:
    """Write a typed file, each batch while the next one is made.

    Args:
        batches: Its rows in their order.
        path: Where to.

    Returns:
        What was written; without a batch there is no file.

    Raises:
        EnvironmentFault: the disk takes no more.
    """
    rows = 0
    with ExitStack() as stack:
        syncer = stack.enter_context(ThreadPoolExecutor(1, "recipeline-sync"))
        file: DigestedFile | None = None
        writer: Any = None

        def put(batch: pl.DataFrame) -> None:
            nonlocal file, writer
            import polars as pl
            import pyarrow as pa  # here, while the next batches are made
            from pyarrow import ipc

            table = batch.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
            with _saying_where(path):
                if writer is None:
                    file = DigestedFile(path, syncer)
                    stack.callback(_saying_where(path)(file.close))
                    writer = ipc.new_file(pa.PythonFile(file, "w"), table.schema)
                    stack.callback(_saying_where(path)(writer.close))
                writer.write_table(table, max_chunksize=record_rows(batch.width))

        with ThreadPoolExecutor(1, "recipeline-table") as beside:
            under_way: Future[None] | None = None
            for batch in batches:
                if under_way is not None:
                    under_way.result()
                under_way = beside.submit(put, batch)
                rows += batch.height
            if under_way is not None:
                under_way.result()
    return TypedFile(path, rows, file.digest) if file else None


@contextmanager
def _saying_where(path: Path) -> Iterator[None]:
    """A disk that takes no more is the environment's fault, which names the path."""
    try:
        yield
    except OSError as error:
        raise not_written("the typed rows", path, error) from error


def record_batches(
    path: Path, columns: Sequence[str], most: int = RECORD_ROWS, *, behind: int = 0
) -> Iterator[pl.DataFrame]:
    """These columns of all rows in their order, at most so many rows at a time.

    Args:
        path: Arrow IPC.
        columns: At least one.
        most: Rows at a time.
        behind: How many record batches may still be looked at when the next one is asked for. Whatever is looked at
            later than that is read anew, and stays in memory.
    """
    import polars as pl

    schema = pl.read_ipc_schema(path)
    if any(schema[name].is_nested() or schema[name] == pl.Binary for name in columns):
        rows = pl.scan_ipc(path)  # a record batch of images would be too much at once
        yield from slices(rows.select(columns), int(rows.select(pl.len()).collect().item()), most)
        return
    import pyarrow as pa
    from pyarrow import ipc

    names = list(schema)
    if len(names) > FEW_OF * len(columns):
        with pa.OSFile(str(path)) as file:
            options = ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in columns))
            reader = ipc.open_file(file, options=options)
            for number in range(reader.num_record_batches):
                yield from _pieces(pl.DataFrame(reader.get_batch(number)).select(columns), most)
        return
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    buffer = pa.py_buffer(mapped)
    reader, done, looked_at = ipc.open_file(pa.BufferReader(buffer)), 0, deque[int]()
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        yield from _pieces(pl.DataFrame(batch.select(columns)), most)
        looked_at.append(_end(len(mapped), buffer.address, batch))
        if len(looked_at) > behind:
            done = _let_go(mapped, done, looked_at.popleft())


def _pieces(batch: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
    for start in range(0, batch.height, most):
        yield batch.slice(start, most)


def _end(size: int, address: int, batch: pa.RecordBatch) -> int:
    """Where the batch ends in the mapped file."""
    parts = [part for column in batch.columns for part in column.buffers() if part is not None]
    ends = [part.address + part.size - address for part in parts if address <= part.address < address + size]
    return max(ends, default=0)


def _let_go(mapped: mmap.mmap, done: int, end: int) -> int:
    """Take the pages up to there from our memory; whoever still reads there gets them anew."""
    until = end // mmap.PAGESIZE * mmap.PAGESIZE
    if until > done and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED, done, until - done)
    return max(done, until)


def slices(rows: pl.LazyFrame, height: int, most: int) -> Iterator[pl.DataFrame]:
    """All rows, of which there are `height`, at most so many at a time; each time read with all that stands around."""
    for start in range(0, height, most):
        yield rows.slice(start, most).collect(engine="in-memory")
