"""Columns that name image files: found, made absolute, and their contents made part of what the data is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.data import roles as column_roles
from recipeline.errors import DataError, Problem
from recipeline.families.spec import Role

if TYPE_CHECKING:
    import polars as pl

LOOKED_AT = 100
"""First rows that show whether a column's words are names of image files."""

_ABSOLUTE = r"^([A-Za-z]:)?[/\\]"


def named(rows: pl.LazyFrame, columns: Mapping[str, Role], folders: Sequence[Path]) -> dict[str, Path]:
    """The columns of words that name image files, with the folder where their relative paths start.

    Args:
        rows: The source's rows.
        columns: The roles that the recipe declares. Other columns are taken when their first words end like names of
            image files and the first is one.
        folders: Where to look, in this order.
    """
    import polars as pl

    schema = rows.collect_schema()
    words = [name for name, dtype in schema.items() if dtype == pl.String]
    if not words:
        return {}
    head = rows.select(words).head(LOOKED_AT).collect()
    found = {}
    for name in words:
        role = column_roles.declared_role(columns, name)
        shown = head[name].drop_nulls()
        if role not in (None, "image") or not len(shown):
            continue
        if role is None and not all(re.search(column_roles.IMAGE_FILE, word) for word in shown):
            continue
        place = next((folder for folder in folders if (folder / str(shown[0])).is_file()), None)
        if place is not None:
            found[name] = place
    return found


def absolute(rows: pl.LazyFrame, columns: Mapping[str, Path]) -> pl.LazyFrame:
    """The rows with the paths in these columns made absolute."""
    import polars as pl

    return rows.with_columns(
        pl.when(pl.col(name).str.contains(_ABSOLUTE))
        .then(pl.col(name))
        .otherwise(pl.lit(folder.as_posix() + "/") + pl.col(name))
        .alias(name)
        for name, folder in columns.items()
    )


def digest(table: Path, columns: Sequence[str], location: str) -> str:
    """The sha256 over the contents of all files that these columns name, in the order of the rows.

    Raises:
        DataError: a file isn't there; up to ten are named with their rows.
    """
    import polars as pl

    found = hashlib.sha256()
    problems = []
    paths = pl.scan_ipc(table).select(columns).collect()
    for name in columns:
        for row, path in enumerate(paths[name]):
            try:
                found.update(b"-" if path is None else _contents(Path(path)))
            except OSError as error:
                problems.append(
                    Problem(
                        f"the image file can't be opened: {error.strerror or error}",
                        file=location,
                        row=row + 1,
                        field=name,
                        found=path,
                        suggestion="A relative path starts beside the data file, at the recipe's folder, or at the "
                        "working folder.",
                    )
                )
            if len(problems) == 10:
                raise DataError(*problems)
    if problems:
        raise DataError(*problems)
    return found.hexdigest()


def _contents(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
