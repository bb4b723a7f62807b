"""`strip_text`: the same word spelled the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import kind_of

if TYPE_CHECKING:
    import polars as pl


class StripText(Preprocessing, name="strip_text"):
    """Remove white space around text, so that "Biscoe " and "Biscoe" are one category.

    With `collapse` also several spaces within become one, with `lower` capitals don't count. Columns that hold
    no text are left as they are. Nothing is learnt.

    At serving: a missing value stays missing, and so does text of nothing but white space unless `empty: keep`.
    Any text is treated alike, seen before or not.

    Rahm & Do 2000, Data Cleaning: Problems and Current Approaches.
    """

    example = """
        preprocessing:
          - {type: strip_text, columns: categorical, collapse: true, lower: true}
          - {type: one_hot, columns: categorical}
    """

    columns: Columns = Field(default=["text", "categorical"])
    """The columns to work on."""
    collapse: bool = False
    """Whether white space within becomes one space."""
    lower: bool = False
    """Whether letters become small."""
    empty: Literal["missing", "keep"] = "missing"
    """What becomes of text that has nothing left."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Which columns hold text."""
        schema = frame.collect_schema()
        names = [name for name, dtype in schema.items() if kind_of(dtype) in ("text", "empty")]
        if schema and not names:
            raise DataError(
                Problem(
                    "`strip_text` has nothing to act on: no chosen column holds text",
                    found=", ".join(schema.names()),
                    suggestion="Choose others with `columns`, or leave the step out.",
                )
            )
        return {"columns": names}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Text columns of the same names."""
        import polars as pl

        return frame.with_columns(self._stripped(pl.col(name).cast(pl.String)) for name in state["columns"])

    def _stripped(self, text: pl.Expr) -> pl.Expr:
        import polars as pl

        text = text.str.strip_chars()
        if self.collapse:
            text = text.str.replace_all(r"\s+", " ")
        if self.lower:
            text = text.str.to_lowercase()
        return pl.when(text != "").then(text) if self.empty == "missing" else text
