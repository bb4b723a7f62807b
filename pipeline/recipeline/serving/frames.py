"""Between pandas, which MLflow speaks, and polars, which the fitted steps speak."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from recipeline.data import arrays
from recipeline.errors import DataError, Problem
from recipeline.serving.files import allowed_files

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from recipeline.data.pipeline import FittedPipeline

_LEADING_ZERO = re.compile(r"0\d+")


def request_rows(given: pd.DataFrame, pipeline: FittedPipeline) -> pl.DataFrame:
    """The rows of a request, as pandas or MLflow's server made them, ready for the fitted steps.

    Raises:
        DataError: a column of codes has been read as numbers, or a path leads to a file that is not to be read.
    """
    rows = allowed_files(to_polars(_unfolded(given, pipeline)), pipeline)
    _refuse_lost_zeros(rows, pipeline)
    return rows


def _unfolded(rows: pd.DataFrame, pipeline: FittedPipeline) -> pd.DataFrame:
    """The rows of a request that names each column once with a list of its cells.

    MLflow makes one row of lists out of it when every cell of every column is a word. A row whose own cells are lists
    of numbers stays one row.
    """
    import pandas as pd

    if len(rows) != 1 or not len(rows.columns):
        return rows
    cells: list[Any] = [rows.iloc[0, place] for place in range(len(rows.columns))]
    if not all(isinstance(cell, list) for cell in cells) or len({len(cell) for cell in cells}) != 1:
        return rows
    lists = {column.name for column in pipeline.columns if column.role == "image" or arrays.is_spelled(column.dtype)}
    if any(
        str(name) in lists and not all(isinstance(item, str) for item in cell)
        for name, cell in zip(rows.columns, cells, strict=True)
    ):
        return rows
    return pd.DataFrame(dict(zip(rows.columns, cells, strict=True)))


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
        try:
            return pl.Series(name, cells)
        except (
            TypeError,
            ValueError,
            OverflowError,
            pl.exceptions.PolarsError,
        ):  # lists of this and that, enormous numbers
            return pl.Series(name, cells, dtype=pl.Object)
    return pl.Series(name, cells, dtype=pl.Object)


def _refuse_lost_zeros(rows: pl.DataFrame, pipeline: FittedPipeline) -> None:
    """Say so where codes such as `007` have become numbers: `7` would be taken for a word that nobody has met."""
    problems = []
    for column in pipeline.columns:
        if column.dtype != "String" or column.name not in rows.columns:
            continue
        given = rows.get_column(column.name)
        if not given.dtype.is_numeric():
            continue
        steps = [step for step in pipeline.steps if column.name in step.columns]
        known = {word for step in steps for word in _words(step.state)}
        widths = {len(word) for word in known if _LEADING_ZERO.fullmatch(word)}
        for row, cell in enumerate(given):
            word = str(int(cell)) if cell is not None and cell == cell and cell == cell // 1 else ""
            meant = sorted({word.zfill(width) for width in widths} & known) if word and word not in known else []
            if meant:
                problems.append(
                    Problem(
                        f"this has lost its zeros by being read as a number: it was probably '{meant[0]}'",
                        file=pipeline.location,
                        row=row + 1,
                        field=column.name,
                        found=word,
                        suggestion=f"Read the column as text: pandas.read_csv(..., dtype={{'{column.name}': str}}).",
                    )
                )
                break
    if problems:
        raise DataError(*problems)


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
    """Raw rows as an example of a request: the expected columns, times and bytes as text, arrays as nested lists."""
    import pandas as pd
    import polars as pl

    chosen: dict[str, pd.Series] = {}
    for column in pipeline.columns:
        values = rows.get_column(column.name)
        if values.dtype.is_nested() or values.dtype == pl.Binary:
            cells = [_encoded(cell) if isinstance(cell, bytes) else cell for cell in values.to_list()]
            chosen[column.name] = pd.Series(cells, dtype=object)
        else:
            text = values.cast(pl.String) if values.dtype.is_temporal() else values
            chosen[column.name] = text.to_frame().to_pandas().iloc[:, 0]
    return pd.DataFrame(chosen) if chosen else pl.DataFrame(height=rows.height).to_pandas()


def _encoded(cell: bytes) -> str:
    return base64.b64encode(cell).decode("ascii")


def shown(cells: pl.Series) -> str:
    """The first cell as it would stand in a request."""
    cell = cells.to_list()[0] if cells.dtype.is_nested() else cells[0]
    return _encoded(cell) if isinstance(cell, bytes) else str(cell)
