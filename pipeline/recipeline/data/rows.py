"""The rows of a part on their way through the steps fitted so far: in memory when they fit, in batches when not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recipeline.data import table_file
from recipeline.data.pipeline import FittedStep
from recipeline.data.split import LEFT_OUT
from recipeline.families.spec import PARTS, Part

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import polars as pl

MAKERS = 4
"""Batches that go through the steps side by side at most."""

SHOWN_ROWS = 1024
"""Rows of a table that are looked at for an example of a part's rows, or of their types."""

BATCH_BYTES = 64 * 1024**2
"""Bytes of arrays that go through the steps at once, where columns hold arrays."""

IN_MEMORY_BYTES = 128 * 1024**2
"""Tables up to this size are kept in memory while the steps are fitted. Beyond it the steps read them in batches."""

ARRAYS_IN_MEMORY_BYTES = 256 * 1024**2
"""The same for tables whose columns hold arrays, at any step: images grow when they are decoded."""


@contextmanager
def exact_sums(streaming: bool) -> Iterator[None]:
    """Let the steps' own `collect()` run on the engine that gives the same sums every time.

    polars 2.1 adds up a column of more than about a million floats in whatever order its threads come when it
    streams, and `collect()` streams by default: the last bits of a mean then change from run to run. Its in-memory
    engine doesn't. Only a table that doesn't fit in memory is streamed.
    """
    import polars as pl

    with pl.Config():
        pl.Config.set_engine_affinity("streaming" if streaming else "in-memory")
        yield


class Rows:
    """The rows of the parts of a table, without those that steps have left out so far.

    Args:
        path: The typed table, as Arrow IPC.
        columns: The feature columns.
        targets: The target columns, as they are in the source.
        codes: Part of each row; the rows that steps leave out are marked in it.
        limit: Bytes up to which the table is kept in memory.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], targets: Sequence[str], codes: np.ndarray, limit: int
    ) -> None:
        self._path = path
        self._columns = [*columns, *targets]
        self._targets = list(targets)
        self.codes = codes
        self._limit = limit
        self._array_bytes = 0
        self.streaming = path.stat().st_size > limit
        self.steps: list[FittedStep] = []
        self._kept: dict[Part, tuple[int, pl.DataFrame]] = {}

    def advance(self, step: FittedStep) -> None:
        """From now on rows come out of this step as well."""
        self.steps.append(step)

    def expect_arrays(self, row_bytes: int) -> None:
        """From now on a row's arrays take this much: cut batches accordingly, and keep no more than fits."""
        self._array_bytes = max(self._array_bytes, row_bytes)
        if not self.streaming and self._array_bytes * len(self.codes) > min(self._limit, ARRAYS_IN_MEMORY_BYTES):
            self.streaming = True
            self._kept.clear()

    @property
    def batch_rows(self) -> int:
        """Rows that go through the steps at once."""
        most = table_file.record_rows(len(self._columns))
        return min(most, max(1, BATCH_BYTES // self._array_bytes)) if self._array_bytes else most

    @property
    def makers(self) -> int:
        """How many batches go through the steps side by side: one where their arrays fill the memory."""
        return 1 if self._array_bytes else min(MAKERS, os.cpu_count() or 1)

    def lazy(self, part: Part, columns: Sequence[str]) -> pl.LazyFrame:
        """These columns of the part's rows, out of all steps so far."""
        if self.streaming:
            return self._streamed(part, columns)
        return self._frame(part).lazy().select(columns)

    def sample(self, part: Part, rows: int) -> pl.DataFrame:
        """The part's first rows, out of all steps so far."""
        if not self.streaming:
            return self._frame(part).head(rows)
        found = next(self._batches(part, self._columns, SHOWN_ROWS))
        return self.through(found.head(rows))

    def leave_out(self, part: Part, keep: pl.Series) -> int:
        """Mark the part's rows that aren't kept, and return how many they are."""
        import numpy as np

        mask = keep.fill_null(False).to_numpy()
        places = np.flatnonzero(self.codes == PARTS.index(part))
        self.codes[places[~mask]] = LEFT_OUT
        if part in self._kept:
            done, frame = self._kept[part]
            self._kept[part] = (done, frame.filter(keep.fill_null(False)))
        return int((~mask).sum())

    def batches(self) -> Iterator[tuple[np.ndarray, pl.DataFrame]]:
        """Every row of any part as the source has it: row numbers there, and the features before all steps."""
        import numpy as np
        import polars as pl

        done = 0
        features = [name for name in self._columns if name not in self._targets]
        for batch in table_file.record_batches(self._path, features, self.batch_rows, behind=self.makers + 1):
            inside = self.codes[done : done + batch.height] != LEFT_OUT
            if inside.any():
                yield done + np.flatnonzero(inside), batch if inside.all() else batch.filter(pl.Series(inside))
            done += batch.height

    def through(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows out of all steps."""
        for step in self.steps:
            frame = step.apply(frame)
        return frame

    def _frame(self, part: Part) -> pl.DataFrame:
        import polars as pl

        if part not in self._kept:
            mask = pl.Series(self.codes == PARTS.index(part))
            table = pl.scan_ipc(self._path)
            # Column by column: the whole table and the part of it that is kept would stand in memory side by side.
            picked = [table.select(name).collect(engine="in-memory").filter(mask) for name in self._columns]
            self._kept[part] = (0, pl.concat(picked, how="horizontal"))
        done, frame = self._kept[part]
        for step in self.steps[done:]:
            frame = step.apply(frame)
        self._kept[part] = (len(self.steps), frame)
        return frame

    def _batches(self, part: Part, columns: Sequence[str], most: int | None = None) -> Iterator[pl.DataFrame]:
        import polars as pl

        done, code = 0, PARTS.index(part)
        for batch in table_file.record_batches(self._path, columns, min(self.batch_rows, most or self.batch_rows)):
            inside = self.codes[done : done + batch.height] == code
            if inside.any():
                yield batch.filter(pl.Series(inside))
            done += batch.height

    def _streamed(self, part: Part, columns: Sequence[str]) -> pl.LazyFrame:
        from polars.io.plugins import register_io_source

        wanted, steps = self._ancestors(columns)
        first = next(self._batches(part, wanted, SHOWN_ROWS)).head(1)
        for step in steps:
            first = step.apply(first)

        def read(
            with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
        ) -> Iterator[pl.DataFrame]:
            given = 0
            for batch in self._batches(part, wanted):
                for step in steps:
                    batch = step.apply(batch)
                batch = batch.select(columns if with_columns is None else with_columns)
                if predicate is not None:
                    batch = batch.filter(predicate)
                if n_rows is not None:
                    batch = batch.head(n_rows - given)
                given += batch.height
                yield batch
                if n_rows is not None and given >= n_rows:
                    return

        return register_io_source(read, schema=first.select(columns).schema)

    def _ancestors(self, columns: Sequence[str]) -> tuple[list[str], list[FittedStep]]:
        """The raw columns and the steps that these columns come from."""
        needed = set(columns)
        steps: list[FittedStep] = []
        for step in reversed(self.steps):
            if needed & set(step.makes):
                needed = (needed - set(step.makes)) | set(step.columns)
                steps.insert(0, step)
        return [name for name in self._columns if name in needed], steps
