"""`drop_columns`: columns that the model shall not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import Columns, Preprocessing, State

if TYPE_CHECKING:
    import polars as pl


class DropColumns(Preprocessing, name="drop_columns"):
    """Leave columns out: an identifier, a leak of the answer, what another step has made use of.

    At serving: the columns are left out whatever they hold, missing and unseen values included.

    Kaufman et al. 2012, Leakage in Data Mining.
    """

    example = """
        preprocessing:
          - {type: drop_columns, columns: [id, "note_*"]}
    """

    columns: Columns
    """The columns to leave out: a role, a name, a glob such as `price_*`, or a list of these."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Nothing to learn."""
        return {}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """No column."""
        return frame.drop(frame.collect_schema().names())  # keeps the number of rows
