"""Read raw rows to predict from, the way the training's source read its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline.catalog import Catalog
from recipeline.data.pipeline import FittedPipeline
from recipeline.errors import DataError, Problem, RecipeError, UsageError
from recipeline.families.source import Source

if TYPE_CHECKING:
    import polars as pl

KINDS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet"}
"""The source that reads a file, by the end of its name."""


def kind_of(path: Path) -> str:
    """The source that reads this file.

    Raises:
        UsageError: there is no such file, or it is of no kind that can be read.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            Problem(
                "DATA is neither CSV nor Parquet by its name",
                found=str(path),
                suggestion=f"A name ends with one of: {', '.join(KINDS)}.",
            )
        )
    if not path.is_file():
        raise UsageError(Problem("there is no such file", file=str(path)))
    return kind


def read_rows(path: Path, pipeline: FittedPipeline, trained_on: Mapping[str, Any], catalog: Catalog) -> pl.DataFrame:
    """The rows of a file.

    Args:
        path: CSV or Parquet.
        pipeline: What the model expects: a column of words is read as words, whatever its cells look like.
        trained_on: The training's source as in a recipe. Its settings are used where it read such files too.
        catalog: Where the sources come from.

    Raises:
        UsageError: this is no file that can be read.
        DataError: something in it is wrong; row and column are named.
    """
    kind = kind_of(path)
    settings = {key: value for key, value in trained_on.items() if key != "type" and "${env:" not in str(value)}
    if trained_on.get("type") != kind:
        settings = {"separator": "\t"} if path.suffix.lower() == ".tsv" else {}
    try:
        found = catalog.find(Source, kind)
    except RecipeError as error:
        raise UsageError(*error.problems) from error
    source = found.model_validate({**settings, "path": str(path.absolute())})
    source.expect({column.name: column.role for column in pipeline.columns if column.dtype == "String"})
    rows = source.scan().collect()
    if not rows.height:
        raise DataError(Problem("there are no rows", file=str(path)))
    return rows
