"""`drop_missing`: rows without gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from recipeline import RowFilter

if TYPE_CHECKING:
    import polars as pl


class DropMissing(RowFilter, name="drop_missing"):
    """Leave out rows in which a chosen column has no value (null or NaN).

    By default only the train part loses rows: the other parts, and what is served, have gaps as before, which
    `impute` fills.

    At serving: every row is answered, and a missing value stays missing. No value is unseen: nothing is learnt.

    Little & Rubin 2002, Statistical Analysis with Missing Data, chapter 3 (complete cases).
    """

    example = """
        preprocessing:
          - {type: drop_missing, columns: [height, weight], when: all}
    """

    when: Literal["any", "all"] = "any"
    """Whether a row goes when any of the columns is missing, or only when all of them are."""

    def keep(self, columns: list[str]) -> pl.Expr:
        """True for rows with values."""
        import polars as pl
        import polars.selectors as cs

        gaps = pl.col(columns).is_null()
        not_a_number = (cs.by_name(columns) & cs.float()).is_nan().fill_null(False)
        if self.when == "any":
            return ~pl.any_horizontal(gaps, not_a_number)
        numbers_present = (cs.by_name(columns) & cs.float()).is_nan().not_().fill_null(False)
        others_present = (cs.by_name(columns) - cs.float()).is_not_null()
        return pl.any_horizontal(numbers_present, others_present)
