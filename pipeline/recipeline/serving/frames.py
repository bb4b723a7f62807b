"""Between pandas, which MLflow speaks, and polars, which the fitted steps speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from recipeline.data.pipeline import FittedPipeline

HOLE = "None"
"""What MLflow's `inputs` and `instances` make of a null in a column of words."""


def to_polars(rows: pd.DataFrame) -> pl.DataFrame:
    """The same rows, whatever pandas made of their cells; a missing value of any kind becomes null."""
    import polars as pl

    columns = [_series(str(name), rows.iloc[:, place]) for place, name in enumerate(rows.columns)]
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=len(rows))


def _series(name: str, column: pd.Series) -> pl.Series:
    import pandas as pd
    import polars as pl

    if column.dtype != object:
        return pl.from_pandas(column).alias(name)
    cells = [None if pd.api.types.is_scalar(cell) and pd.isna(cell) else cell for cell in column]
    kinds = {type(cell) for cell in cells if cell is not None}
    if not kinds:
        return pl.Series(name, cells, dtype=pl.String)
    if len(kinds) == 1:
        return pl.Series(name, cells)
    return pl.Series(name, cells, dtype=pl.Object)


def holes_as_null(rows: pl.DataFrame, pipeline: FittedPipeline) -> pl.DataFrame:
    """The rows with null where MLflow has written the word `None` for it.

    Two of its four request formats turn a missing word into that text. It is taken as missing, unless the training
    has met `None` as a word: then it can't be told apart, and stays what it says.
    """
    import polars as pl

    known = any(HOLE in _words(step.state) for step in pipeline.steps)
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    if known or not texts:
        return rows
    return rows.with_columns(pl.when(pl.col(name) != HOLE).then(pl.col(name)).alias(name) for name in texts)


def _words(state: Any) -> set[str]:
    """Every text in a state, keys included."""
    if isinstance(state, str):
        return {state}
    if isinstance(state, dict):
        return {word for key, value in state.items() for word in (str(key), *_words(value))}
    if isinstance(state, list | tuple):
        return {word for value in state for word in _words(value)}
    return set()


def to_pandas(rows: pl.DataFrame, pipeline: FittedPipeline) -> pd.DataFrame:
    """Raw rows as the logged model's signature takes them: the expected columns, times as text."""
    import polars as pl

    chosen = []
    for column in pipeline.columns:
        values = rows.get_column(column.name)
        chosen.append(values.cast(pl.String) if values.dtype.is_temporal() else values)
    return pl.DataFrame(chosen).to_pandas() if chosen else pl.DataFrame(height=rows.height).to_pandas()
