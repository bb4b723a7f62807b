"""`files`: the parts lie in files of their own."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import FILE_COLUMN, DataError, Part, Problem, Split

if TYPE_CHECKING:
    import polars as pl

PARTS: tuple[Part, Part, Part] = ("train", "validation", "test")


class FilesSplit(Split, name="files"):
    """Give each row the part of the file that it comes from: `data/train.csv` and `data/test.csv`.

    The source reads all of them (`path: data/*.csv`); a part is a pattern, or several, compared with the end of a
    file's path: `test: test.csv`, `train: "2019-*/*.csv"`. Every file has to belong to one part.
    """

    example = """
        data:
          source: {type: csv, path: "data/*.csv"}
          target: price
          split: {type: files, train: train.csv, validation: dev.csv, test: test.csv}
    """

    train: str | list[str] = Field(min_length=1)
    """The files to learn from: a name, a path, a glob, or a list of these."""
    validation: str | list[str] = Field(default=[])
    """The files that choose the best epoch; none when left out."""
    test: str | list[str] = Field(default=[])
    """The files that judge the finished model; none when left out."""

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The column of file names that the engine adds."""
        return (FILE_COLUMN,)

    def hides(self) -> tuple[str, ...]:
        """The column of file names."""
        return (FILE_COLUMN,)

    def has(self, part: Part) -> bool:
        """Whether the part has files."""
        return bool(getattr(self, part))

    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """The part of each row's file."""
        import polars as pl

        files = rows[FILE_COLUMN].cast(pl.String)
        parts = self.parts(files.unique(maintain_order=True).to_list())
        return files.replace_strict(list(parts), list(parts.values()), return_dtype=pl.String).alias("part")

    def parts(self, files: list[str]) -> dict[str, Part]:
        """The part of each file.

        Raises:
            DataError: a file belongs to none or to several, or a pattern fits none.
        """
        patterns = {part: _listed(getattr(self, part)) for part in PARTS}
        found: dict[str, Part] = {}
        problems = []
        for file in files:
            fitting = [part for part in PARTS if any(_fits(file, pattern) for pattern in patterns[part])]
            if len(fitting) == 1:
                found[file] = fitting[0]
                continue
            what = f"belongs to {' and '.join(fitting)}" if fitting else "belongs to no part"
            advice = "Name each file in one of train, validation and test, or let the source read fewer files."
            problems.append(Problem(f"the file {what}", file=file, suggestion=advice))
        problems += [
            Problem(
                f"no file fits '{pattern}'",
                path=f"data.split.{part}",
                suggestion=f"The source reads: {', '.join(files[:5])}{', ...' if len(files) > 5 else ''}.",
            )
            for part in PARTS
            for pattern in patterns[part]
            if not any(_fits(file, pattern) for file in files)
        ]
        if problems:
            raise DataError(*problems)
        return found


def _listed(patterns: str | list[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _fits(file: str, pattern: str) -> bool:
    """Whether the end of the path fits: `test.csv` fits `/data/test.csv`."""
    return PurePosixPath(file.replace("\\", "/")).match(pattern.replace("\\", "/").removeprefix("./"))
