"""One measure in terms of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline import Preprocessing, State

if TYPE_CHECKING:
    import polars as pl


class Ratio(Preprocessing, name="ratio"):
    """Adds the first chosen column divided by the second, in terms of the train rows' mean ratio.

    A zero or a missing value in either gives a missing ratio: impute after it.
    """

    new_role = "numeric"

    def fit(self, frame: pl.LazyFrame) -> State:
        """The mean ratio of the train rows."""
        import polars as pl

        over, under = frame.collect_schema().names()[:2]
        mean = frame.select((pl.col(over) / pl.col(under)).filter(pl.col(under) != 0).mean()).collect().item()
        return {"over": over, "under": under, "mean": mean or 1.0}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """The chosen columns, and the ratio beside them."""
        import polars as pl

        under = pl.when(pl.col(state["under"]) != 0).then(pl.col(state["under"]))
        name = f"{state['over']}_per_{state['under']}"
        return frame.with_columns((pl.col(state["over"]) / under / state["mean"]).alias(name))
