"""`drop_duplicates`: one row of several that are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import RowFilter

if TYPE_CHECKING:
    import polars as pl


class DropDuplicates(RowFilter, name="drop_duplicates"):
    """Keep the first of the rows that are equal in the chosen columns, so that no example counts twice.

    Two missing values are equal. By default only the train part loses rows.

    At serving: every row is answered, missing or unseen values and repetitions included.

    Lee et al. 2022, Deduplicating Training Data Makes Language Models Better.
    """

    example = """
        preprocessing:
          - {type: drop_duplicates, columns: all}
    """

    def keep(self, columns: list[str]) -> pl.Expr:
        """True for the first row of each kind."""
        import polars as pl

        return pl.struct(columns).is_first_distinct()
