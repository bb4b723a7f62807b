"""A digest of each row, kept with a run, so that a later look at changed data can say which rows are other ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recipeline.data.read import Table

if TYPE_CHECKING:
    import polars as pl

LIMIT_BYTES = 64 * 1024**2
"""Tables up to this size have digests: about half a second of work, and four bytes a row to keep."""
NAMED = 5
"""How many rows are named; the others are counted."""
_SEED = 20_261_122


def row_digests(table: Table) -> pl.Series | None:
    """A number for each row, the same for equal rows; None for a table that is too large.

    Another version of polars gives other numbers. Two rows that differ have the same one in 4 billion cases.
    """
    import polars as pl

    if table.path.stat().st_size > LIMIT_BYTES:
        return None
    hashed = table.scan().select((pl.struct(pl.all()).hash(_SEED) % 2**32).cast(pl.UInt32).alias("digest"))
    return hashed.collect(engine="in-memory").to_series()


def changed_rows(then: pl.Series, table: Table) -> str | None:
    """How the rows of a table differ from those with these digests, as a phrase; None where it is too large to say."""
    now = row_digests(table)
    if now is None:
        return None
    if len(then) == len(now):
        other = (then != now).arg_true().to_list()
        if not other:
            return "the rows are the same: only the way in which they are written or read has changed"
        if (then.sort() == now.sort()).all():
            return f"the {len(now):,} rows are the same in another order"
        return f"{_so_many(len(other), 'has', 'have')} changed of {len(now):,}: {_named(other, table)}"
    new, gone = _more(now, then), _more(then, now)
    phrases = []
    if new:
        phrases.append(f"{_so_many(len(new), 'is', 'are')} new: {_named(new, table)}")
    if gone:
        phrases.append(f"{_so_many(len(gone), 'is', 'are')} gone, which stood at {_numbers(gone)} of {len(then):,}")
    return "; ".join(phrases)


def _more(here: pl.Series, there: pl.Series) -> list[int]:
    """The places of the rows that stand more often here than there."""
    import polars as pl

    def numbered(digests: pl.Series) -> pl.DataFrame:
        """Each row with how often its like has stood before it."""
        frame = pl.DataFrame({"digest": digests}).with_row_index("row")
        return frame.with_columns(pl.int_range(pl.len()).over("digest").alias("before"))

    return numbered(here).join(numbered(there), on=["digest", "before"], how="anti")["row"].sort().to_list()


def _so_many(count: int, one: str, several: str) -> str:
    return f"{count:,} row{'' if count == 1 else 's'} {one if count == 1 else several}"


def _named(rows: Sequence[int], table: Table) -> str:
    if len(table.files) < 2:
        return _numbers(rows)
    places = [f"row {number} of {file}" for file, number in map(table.place, rows[:NAMED])]
    return ", ".join(places) + _rest(rows)


def _numbers(rows: Sequence[int]) -> str:
    """Counted from 1 without the header, as in every message."""
    return f"row{'' if len(rows) == 1 else 's'} {', '.join(str(row + 1) for row in rows[:NAMED])}{_rest(rows)}"


def _rest(rows: Sequence[int]) -> str:
    return f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
