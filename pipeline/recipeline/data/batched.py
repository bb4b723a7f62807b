"""Rows of a table batch by batch, in their order: what is counted so takes no more memory for more rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recipeline.data import table_file

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 131_072
"""Rows that are looked at together."""


def of_table(path: Path, chosen: np.ndarray | None = None) -> Batched:
    """The rows of a typed file, all or those that a mask chooses."""
    import polars as pl

    return Batched(pl.scan_ipc(path), chosen, path)


@dataclass(frozen=True, slots=True)
class Batched:
    """Rows of a table, all or those that a mask chooses."""

    rows: pl.LazyFrame
    chosen: np.ndarray | None = None
    """bool (rows,)"""
    path: Path | None = None
    """The typed file that the rows are all of, if there is one."""

    @property
    def schema(self) -> pl.Schema:
        """Every column with its type."""
        return self.rows.collect_schema()

    @property
    def height(self) -> int:
        """How many rows there are."""
        import polars as pl

        return int(self.rows.select(pl.len()).collect().item() if self.chosen is None else self.chosen.sum())

    @property
    def of_all(self) -> int:
        """How many rows there are, chosen or not."""
        return self.height if self.chosen is None else len(self.chosen)

    @property
    def mostly(self) -> bool:
        """Whether the mask chooses most rows."""
        return 2 * self.height > self.of_all

    def of(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """These columns of the rows; nothing where there is no row or no column."""
        for batch, chosen in self.marked(columns):
            batch = batch if chosen is None else batch.filter(chosen)
            if batch.height:
                yield batch

    def marked(self, columns: Sequence[str]) -> Iterator[tuple[pl.DataFrame, pl.Series | None]]:
        """These columns of all rows, and which of them the mask chooses: None where all."""
        import polars as pl

        done = 0
        for batch in self._all(columns):
            here = None if self.chosen is None else self.chosen[done : done + batch.height]
            done += batch.height
            yield batch, None if here is None or here.all() else pl.Series(here)

    def _all(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        if not columns:
            return
        if self.path is not None:
            yield from table_file.record_batches(self.path, columns, BATCH_ROWS)
            return
        yield from table_file.slices(self.rows.select(columns), self.of_all, BATCH_ROWS)


@dataclass(slots=True)
class Words:
    """What is counted of a column of words."""

    filled: int = 0
    letters: int = 0
    first: str | None = None
    _hashes: list[np.ndarray] = field(default_factory=list)

    def add(self, column: pl.Series) -> None:
        """Take in the next rows."""
        words = column.drop_nulls()
        if len(words):
            self.first = words[0] if self.first is None else self.first
            self.add_counted(words.alias("word").value_counts(name="rows"))

    def add_counted(self, counts: pl.DataFrame) -> None:
        """Take in each `word`, none of them null, and in how many `rows` it is."""
        rows = counts["rows"].cast(int)
        self.filled += int(rows.sum())
        self.letters += int((counts["word"].str.len_chars().cast(int) * rows).sum())
        # Of the words themselves a column of texts would take as much memory as the file.
        self._hashes.append(counts["word"].hash().to_numpy())

    @property
    def distinct(self) -> int:
        """How many different words there are, but for words of the same hash, which is one case in a million."""
        if len(self._hashes) > 1:
            self._hashes = [np.unique(np.concatenate(self._hashes))]
        return len(self._hashes[0]) if self._hashes else 0
