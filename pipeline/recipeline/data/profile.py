"""What the train rows look like, column by column: for readers of a run, and to hold serving data against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from recipeline.data.batched import Batched, Words
from recipeline.data.cells import type_name
from recipeline.families.spec import Role

if TYPE_CHECKING:
    import polars as pl

TOP = 10
"""How many of a column's most frequent words are listed."""

TOGETHER = 100_000
"""Words with their counts that gather before those of the same word are added up."""


def profile(
    rows: Batched,
    columns: Sequence[str],
    roles: Mapping[str, Role],
    counted: Mapping[str, pl.DataFrame] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """By column: role, type, missing values, and range or most frequent words. JSON-able.

    Args:
        rows: The train rows; one pass over them.
        columns: The columns to describe.
        roles: Role of each.
        counted: Columns of which every `word` of all rows, train or not, is known, and in how many `rows` it is.
    """
    import polars as pl

    schema = rows.schema
    figures = {name: _figures(schema[name], roles[name]) for name in columns}
    known: set[str] = set()
    if rows.mostly:  # otherwise the other rows would be more to look at
        known = {name for name, found in figures.items() if isinstance(found, _Frequent) and name in counted}
        figures |= {name: _Frequent.but_for_others(counted[name], rows.of_all) for name in known}
    for batch, chosen in rows.marked(columns):
        others = pl.repeat(False, batch.height, eager=True) if chosen is None else ~chosen
        for name in columns:  # one after the other: what is chosen of one is still in the processor's cache
            meant = others if name in known else chosen
            column = batch[name] if meant is None else batch[name].filter(meant)
            if len(column):
                figures[name].add(column)
    return {
        name: {"role": roles[name], "type": type_name(schema[name]), "missing": found.missing} | found.shown()
        for name, found in figures.items()
    }


def _figures(dtype: pl.DataType, role: Role) -> _Missing:
    """What is counted and measured of a column of this type."""
    import polars as pl

    if dtype == pl.String:
        return _Frequent() if role == "categorical" else _Distinct()
    if dtype.is_nested() or dtype == pl.Binary:
        return _Missing()  # cells that are arrays have no order
    if dtype == pl.Boolean:
        return _True()
    return _Range(dated=True) if dtype.is_temporal() else _Numbers()


@dataclass(slots=True)
class _Missing:
    missing: int = 0

    def add(self, column: pl.Series) -> None:
        self.missing += column.null_count()

    def shown(self) -> dict[str, Any]:
        return {}


@dataclass(slots=True)
class _True(_Missing):
    true: int = 0

    def add(self, column: pl.Series) -> None:
        _Missing.add(self, column)
        self.true += int(column.sum())

    def shown(self) -> dict[str, Any]:
        return {"true": self.true}


@dataclass(slots=True)
class _Range(_Missing):
    dated: bool = False
    least: Any = None
    largest: Any = None

    def add(self, column: pl.Series) -> None:
        _Missing.add(self, column)
        if column.count():
            shown = column.dt.to_string() if self.dated else column  # ISO times are in the order of their letters
            least, largest = shown.min(), shown.max()
            self.least = least if self.least is None else min(self.least, least)
            self.largest = largest if self.largest is None else max(self.largest, largest)

    def shown(self) -> dict[str, Any]:
        return {"min": self.least, "max": self.largest}


@dataclass(slots=True)
class _Numbers(_Range):
    count: int = 0
    sums: list[float] = field(default_factory=list)
    """Of every batch."""

    def add(self, column: pl.Series) -> None:
        import polars as pl

        _Range.add(self, column)
        if count := column.count():
            self.count += count
            self.sums.append(float(column.cast(pl.Float64).sum()))

    def shown(self) -> dict[str, Any]:
        return _Range.shown(self) | {"mean": math.fsum(self.sums) / self.count if self.count else None}


@dataclass(slots=True)
class _Distinct(_Missing):
    words: Words = field(default_factory=Words)

    def add(self, column: pl.Series) -> None:
        _Missing.add(self, column)
        self.words.add(column)

    def shown(self) -> dict[str, Any]:
        return {"distinct": self.words.distinct}


@dataclass(slots=True)
class _Frequent(_Missing):
    counts: list[pl.DataFrame] = field(default_factory=list)
    """Of every batch, or of several together."""
    words: int = 0
    """Rows of `counts`."""
    sign: int = 1
    """-1 where the rows that are added are those which are not meant."""

    @classmethod
    def but_for_others(cls, counts: pl.DataFrame, rows: int) -> _Frequent:
        """What is known of so many rows, from which others are taken away as they are added."""
        import polars as pl

        signed = counts.select("word", pl.col("rows").cast(pl.Int64))
        return cls(rows - int(signed["rows"].sum()), [signed], signed.height, sign=-1)

    def add(self, column: pl.Series) -> None:
        import polars as pl

        self.missing += self.sign * column.null_count()
        here = column.drop_nulls().alias("word").value_counts(name="rows")
        here = here.with_columns(pl.col("rows").cast(pl.Int64) * self.sign)
        self.counts.append(here)
        self.words += here.height
        if self.words > TOGETHER:
            self._join()

    def _join(self) -> None:
        import polars as pl

        if len(self.counts) > 1:
            self.counts = [pl.concat(self.counts).group_by("word").agg(pl.col("rows").sum())]
            self.words = self.counts[0].height

    def shown(self) -> dict[str, Any]:
        import polars as pl

        if not self.counts:
            return {"distinct": 0, "top": {}}
        self._join()
        counts = self.counts[0].filter(pl.col("rows") > 0)
        top = counts.sort(["rows", "word"], descending=[True, False]).head(TOP)
        return {
            "distinct": counts.height,
            "top": dict(zip(top["word"].to_list(), top["rows"].to_list(), strict=True)),
        }
