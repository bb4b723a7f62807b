"""Rows from Parquet files, with the types that they have there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from recipeline import DataError, Problem, Source

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class ParquetSource(Source, name="parquet"):
    """A Parquet file, or several of the same columns, with the types as they are there.

    Numbers, words, booleans, dates and times become columns of a table; lists and arrays of numbers are series or
    images, bytes are encoded images. A column of structs or of lists of words is refused unless data.columns ignores
    it. Times of a time zone become UTC. NaN counts as missing.

    Apache Parquet format, https://parquet.apache.org/docs/file-format/
    """

    example = """
        data:
          source: {type: parquet, path: sales.parquet}
          target: price
    """

    cuts = True

    path: str
    """The file, beside the recipe or below the working folder; a glob such as `data/*.parquet` takes several in the
    order of their names."""

    _row_files: list[tuple[str, int]] = PrivateAttr(default_factory=list)

    def scan(self) -> pl.LazyFrame:
        """All rows of all files, in the order of the files' names."""
        import polars as pl

        frames = []
        self._row_files = []
        first: pl.Schema | None = None
        for file in self.files(self.path):
            try:
                frame = pl.scan_parquet(file, glob=False)
                schema = frame.collect_schema()
                count = frame.select(pl.len()).collect().item()
            except (pl.exceptions.PolarsError, OSError) as error:
                reason = str(error).partition("\n")[0]
                raise DataError(
                    Problem(f"this is no Parquet file that can be read: {reason}", file=str(file))
                ) from error
            if first is None:
                first = schema
            elif schema != first:
                raise DataError(
                    Problem(
                        "this file has other columns than the first one",
                        file=str(file),
                        found=", ".join(f"{name} {dtype}" for name, dtype in schema.items() if first.get(name) != dtype)
                        or "fewer columns, or in another order",
                        suggestion=f"Expected: {', '.join(f'{name} {dtype}' for name, dtype in first.items())}.",
                    )
                )
            frames.append(frame)
            self._row_files.append((str(file), count))
        return pl.concat(frames)

    def fingerprint(self) -> str:
        """The sha256 of the files' bytes; of several files, their names too."""
        digest = hashlib.sha256()
        files = self.files(self.path)
        for file in files:
            digest.update(file.name.encode() if len(files) > 1 else b"")
            digest.update(_digest(file))
        return digest.hexdigest()

    def row_files(self) -> Sequence[tuple[str, int]]:
        """The files in the order of their names, with the rows of each."""
        return tuple(self._row_files)

    def location(self) -> str:
        """The path as the recipe writes it."""
        return self.path


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
