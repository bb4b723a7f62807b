"""Which files a served model reads for whoever asks: none, unless its owner names the folders.

A model of images takes a path in place of an image. Served over a network, it would open whatever its process can
read, and tell by its answer whether it is there. So rows that come through MLflow may hold the image itself; a path
only below a folder that RECIPELINE_SERVED_FILES names. `recipeline predict` reads the files of whoever types it.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.errors import DataError, Problem

if TYPE_CHECKING:
    import polars as pl

    from recipeline.data.pipeline import FittedPipeline

VARIABLE = "RECIPELINE_SERVED_FILES"
"""Folders, separated as in PATH, below which a served model may read."""

ENCODED = 64
"""Characters from which on a text may be an image in base64."""
SHOWN_AT_ONCE = 10


def allowed_files(rows: pl.DataFrame, pipeline: FittedPipeline) -> pl.DataFrame:
    """The same rows, with the whole path of each image that may be read.

    Raises:
        DataError: a path leads elsewhere; row and column are named.
    """
    import polars as pl

    folders = [Path(name).resolve() for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name.strip()]
    changed, problems = {}, []
    for column in pipeline.columns:
        if column.role != "image" or column.name not in rows.columns:
            continue
        cells = rows.get_column(column.name).to_list()
        for row, cell in enumerate(cells):
            if not isinstance(cell, str) or _is_encoded(cell):
                continue
            place = _below(cell, folders)
            if place is None:
                problems.append(_refused(row, column.name, cell, bool(folders)))
            cells[row] = place
        if any(isinstance(cell, str) for cell in cells):
            dtype = pl.String if all(isinstance(cell, str | None) for cell in cells) else pl.Object
            changed[column.name] = pl.Series(column.name, cells, dtype=dtype)
    if problems:
        raise DataError(*problems[:SHOWN_AT_ONCE])
    return rows.with_columns(**changed) if changed else rows


def _is_encoded(text: str) -> bool:
    """Whether this is an image in base64, also as a `data:` address, and so no path for any step."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    elif len(text) < ENCODED:
        return False
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _below(text: str, folders: list[Path]) -> str | None:
    """The path with every link followed, if it lies in one of these folders."""
    found = None
    for folder in folders:
        try:
            place = (folder / text).resolve()
            if place.is_relative_to(folder):
                found = found if found is not None and not place.exists() else str(place)
        except (OSError, ValueError, RuntimeError):  # no path at all, or links in a circle
            continue
    return found


def _refused(row: int, column: str, cell: str, some: bool) -> Problem:
    return Problem(
        "a served model reads no files but those in the folders that its owner has named"
        if some
        else "a served model reads no files for whoever asks",
        row=row + 1,
        field=column,
        found=ascii(cell[:60]),
        suggestion="Send the image's bytes in base64. Its owner can name folders to read from, before it is started: "
        f"{VARIABLE}=/a/folder.",
    )
