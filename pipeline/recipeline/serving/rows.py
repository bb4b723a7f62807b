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

IMAGES = "images"
"""What `kind_of` says of a folder."""

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""How the name of an image file ends, in small or capital letters."""


def kind_of(path: Path) -> str:
    """The source that reads this file, or `images` for a folder.

    Raises:
        UsageError: there is no such file, or it is of no kind that can be read.
    """
    if path.is_dir():
        return IMAGES
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            Problem(
                "DATA is neither CSV nor Parquet by its name, nor a folder of images",
                found=str(path),
                suggestion=f"A name ends with one of: {', '.join(KINDS)}.",
            )
        )
    if not path.is_file():
        raise UsageError(Problem("there is no such file", file=str(path)))
    return kind


def read_rows(path: Path, pipeline: FittedPipeline, trained_on: Mapping[str, Any], catalog: Catalog) -> pl.DataFrame:
    """The rows of a file, or one for each image in a folder.

    Args:
        path: CSV, Parquet or a folder.
        pipeline: What the model expects: a column of words is read as words, whatever its cells look like.
        trained_on: The training's source as in a recipe. Its settings are used where it read such files too.
        catalog: Where the sources come from.

    Raises:
        UsageError: this is no file that can be read.
        DataError: something in it is wrong; row and column are named.
    """
    kind = kind_of(path)
    if kind == IMAGES:
        return _image_rows(path, pipeline)
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


def image_files(folder: Path) -> list[Path]:
    """The images in a folder and below it, by name; hidden ones are left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGE_ENDINGS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _image_rows(folder: Path, pipeline: FittedPipeline) -> pl.DataFrame:
    import polars as pl

    columns = [column.name for column in pipeline.columns if column.role == "image"]
    if len(columns) != 1:
        found = ", ".join(column.name for column in pipeline.columns)
        raise UsageError(
            Problem(
                "DATA is a folder, and the model does not take one image a row",
                found=str(folder),
                suggestion=f"Write its columns into a CSV: {found}.",
            )
        )
    files = image_files(folder)
    if not files:
        raise DataError(
            Problem(
                "there are no images in this folder",
                file=str(folder),
                suggestion=f"A name ends with one of: {', '.join(IMAGE_ENDINGS)}.",
            )
        )
    return pl.DataFrame({columns[0]: [str(file.absolute()) for file in files]})
