"""Where the rows come from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import PrivateAttr

from recipeline.errors import DataError, Problem
from recipeline.families.from_environment import FromEnvironment
from recipeline.families.plugin import Plugin
from recipeline.families.spec import Role

if TYPE_CHECKING:
    import polars as pl


class TypedFile(NamedTuple):
    """A file that a source has written of its rows."""

    path: Path
    rows: int
    digest: str | None = None
    """Its digest as `write_batches` takes it on the way, which saves the engine reading the file for it."""


class Source(FromEnvironment, Plugin, family="source"):
    """Rows with typed columns. Bad rows are reported by file and row, never dropped in silence."""

    missing_words: ClassVar[tuple[str, ...]] = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", "-")
    """The words that mean "missing" where numbers are expected, beside the empty cell."""

    covers_files: ClassVar[bool] = False
    """Whether `fingerprint` covers the contents of the files that its columns name; otherwise the engine reads them."""

    cuts: ClassVar[bool] = False
    """Whether a slice of what `scan` gives is read without the rows before it, so that large data can be read a slice
    at a time."""

    reads_twice: ClassVar[bool] = False
    """Whether `fingerprint` reads all of the data, and may do so in another thread while `scan` does."""

    _folder: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any, /) -> None:
        """Remember the recipe's folder, which relative paths start from."""
        folder = context.get("folder") if isinstance(context, dict) else None
        if folder is not None:
            self._folder = Path(folder)

    @property
    def recipe_folder(self) -> Path:
        """The recipe's folder, or the working folder where there is none."""
        return self._folder.absolute()

    @abstractmethod
    def scan(self) -> pl.LazyFrame:
        """All rows, lazily, in a fixed order, with the columns' types settled.

        Raises:
            DataError: the data can't be read; file, row and column are named.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A digest that changes when, and only when, `scan` would give other rows."""

    def expect(self, roles: Mapping[str, Role]) -> None:
        """Told before `scan`: the roles that the recipe declares, by name or glob. Free to ignore."""

    def notes(self) -> Sequence[str]:
        """What a reader should be told once about how the rows were read; known after `scan`."""
        return ()

    def close(self) -> None:
        """Told when the rows that `scan` gave have been read: temporary files can go."""

    def typed_file(self) -> TypedFile | None:
        """An uncompressed Arrow IPC file of exactly what `scan` gave, if there is one; the engine takes it away.

        Its columns are Int64, Float64, Boolean, String and Date, and every number is finite. Saves a source that
        has written such a file anyway the copy.
        """
        return None

    def counted_words(self) -> Mapping[str, pl.DataFrame]:
        """Every different word of columns of words and in how many rows it is, if `scan` has counted them all.

        A frame of each column, with `word`, never null, and `rows`. Saves the engine a look at these columns.
        """
        return {}

    def row_files(self) -> Sequence[tuple[str, int]]:
        """The files that the rows come from, in order, with the number of rows of each; known after `scan`."""
        return ()

    def overlap(self) -> int | None:
        """How many later rows share a target with a row; None for rows that have no value in common.

        Windows of a series share values with their neighbours in time, if not a target (0) then past values.
        A split that mixes such rows, or leaves fewer out between two parts, is refused: the train part would know
        the test part's answers.
        """
        return None

    def separates(self) -> str | None:
        """The column that tells several series apart, the rows of each being in the order of time; None for one."""
        return None

    def location(self) -> str:
        """What a reader would call the place: a path or the name of a data set."""
        return self.plugin_name

    def files(self, path: str) -> list[Path]:
        """The file that a recipe's `path` means, or the files that a glob such as `data/*.csv` means, by name.

        Raises:
            DataError: there is none, or one can't be opened.
        """
        if any(sign in path for sign in "*?["):
            given = Path(path).expanduser()
            folders = [Path(given.anchor)] if given.is_absolute() else [self._folder, Path()]
            pattern = str(given.relative_to(given.anchor))
            found = next((files for folder in folders if (files := sorted(folder.glob(pattern)))), [])
            if not found:
                raise DataError(Problem("no file matches", file=path, suggestion="Check the folder and the pattern."))
        else:
            found = [self.resolve(path)]
        for file in found:
            if file.is_dir():
                raise DataError(
                    Problem(
                        "this is a folder, not a file",
                        file=str(file),
                        suggestion=f"Name a file, or all of them with '{path.rstrip('/')}/*'.",
                    )
                )
            try:
                file.open("rb").close()
            except OSError as error:
                raise DataError(
                    Problem(
                        f"the file can't be opened: {error.strerror or error}",
                        file=str(file),
                        suggestion="Check who may read it.",
                    )
                ) from error
        return found

    def resolve(self, path: str) -> Path:
        """The file that a recipe's `path` means: beside the recipe, or else below the working folder.

        Raises:
            DataError: there is no such file; both places are named.
        """
        given = Path(path).expanduser()
        places = [given] if given.is_absolute() else [self._folder / given, given]
        for place in places:
            if place.exists():
                return place
        looked = " and ".join(dict.fromkeys(f"'{place}'" for place in places))
        raise DataError(
            Problem(
                f"there is no file '{path}'",
                file=path,
                suggestion=f"Looked at {looked}: a relative path starts at the recipe's folder, then at the "
                "working folder.",
            )
        )
