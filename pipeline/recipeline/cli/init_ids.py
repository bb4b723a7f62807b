"""Columns of numbers that only count or name the rows: a network would learn by heart what no new row has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recipeline.data.read import Table

WORDS = frozenset({"id", "ids", "idx", "rowid", "rownum", "uid", "unnamed"})
"""Words that stand in the names of such columns."""
ALONE = frozenset({"index", "key", "nr", "no", "number", "row"})
"""Words that are such a name by themselves; a price index is a measure."""
FEWEST = 10
"""Rows from which on a column that counts them is no coincidence."""
COUNTS = "counts the rows: no new row has a number that was learnt. `numeric` to use it"
NAMES = "another number in every row, as names are. `numeric` to use it"


def running_numbers(table: Table, columns: Sequence[str]) -> dict[str, str]:
    """The columns that are better left out, with the reason; never all that there is to learn from.

    Whole numbers, none missing, each once: one higher (or lower) from row to row, or under a name such as `id`.
    """
    whole = [name for name in columns if table.schema[name].is_integer()]
    if not whole or table.rows < FEWEST:
        return {}
    found: dict[str, str] = {}
    for name in whole:
        column = table.scan().select(name).collect().to_series()
        if column.null_count() or not column.is_unique().all():
            continue
        steps = column.diff().drop_nulls().unique().to_list()
        if steps in ([1], [-1]):
            found[name] = COUNTS
        elif (words := _words(name)) & WORDS or (len(words) == 1 and words <= ALONE):
            found[name] = NAMES
    others = [name for name in table.schema if name not in found and name not in table.targets]
    return found if others else {}


def _words(name: str) -> set[str]:
    """The words of a name: of `customerId`, `customer_id` and `Customer ID` customer and id."""
    spaced = "".join(f" {sign}" if sign.isupper() and not before.isupper() else sign if sign.isalnum() else " "
                     for before, sign in zip(" " + name, name, strict=False))  # fmt: skip
    return set(spaced.lower().split())
