"""Read the source once into a typed columnar file in the cache, and say what its columns are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline import secrecy
from recipeline.catalog import Catalog, installed
from recipeline.data import arrays, image_files, table_file
from recipeline.data import cache as store
from recipeline.data import roles as column_roles
from recipeline.data import task as target_task
from recipeline.data.batched import of_table
from recipeline.errors import DataError, Problem, RecipeError, UsageError
from recipeline.families.plugin import Plugin
from recipeline.families.source import Source
from recipeline.families.spec import Role, Task
from recipeline.families.split import FILE_COLUMN
from recipeline.storage.sealed import Sealed

if TYPE_CHECKING:
    import polars as pl

    from recipeline.recipe.model import Recipe

TABLE = "table.arrow"


@dataclass(frozen=True, slots=True)
class Table:
    """The source's rows with settled types: Int64, Float64, Boolean, String, Date or Datetime, null where missing.

    A column may also hold arrays of numbers (Array or List), or encoded images (Binary). Paths of image files are
    absolute.
    """

    path: Path
    """The typed file: Arrow IPC, uncompressed, so that it can be memory-mapped."""
    rows: int
    schema: pl.Schema
    """Every column of the source with its type."""
    roles: dict[str, Role]
    """Every column's role, inferred from all rows and overruled by the recipe."""
    overruled: dict[str, Role]
    """Those of the roles that the recipe declares."""
    task: Task
    targets: tuple[str, ...]
    fingerprint: str
    """The source's fingerprint, and that of the image files which it names."""
    location: str
    """What a reader would call the source: a path or the name of a data set."""
    files: tuple[tuple[str, int], ...] = ()
    """The files that the rows come from, in order, with the number of rows of each."""
    notes: tuple[str, ...] = ()
    few: frozenset[str] = frozenset()
    """The columns of words that hold few different ones."""
    words: Mapping[str, pl.DataFrame] = field(default_factory=dict, compare=False)
    """Of columns of words each `word` and in how many `rows` it is, where that is known."""
    cache_hit: bool = False
    changed: tuple[str, ...] = ()
    """What differs from the table in the cache that is most like it, where this one wasn't there."""

    def scan(self) -> pl.LazyFrame:
        """All rows and columns, lazily, in the source's order."""
        import polars as pl

        return pl.scan_ipc(self.path)

    def nullable(self) -> list[str]:
        """The columns that miss a value somewhere."""
        holes = dict.fromkeys(self.schema, 0)
        for batch in of_table(self.path).of(list(holes)):
            for name in holes:
                holes[name] += batch[name].null_count()
        return [name for name, count in holes.items() if count]

    def place(self, row: int) -> tuple[str, int]:
        """Where a row (counted from 0) stands: its file, and its number there, counted from 1."""
        if len(self.files) > 1:
            for file, rows in self.files:
                if row < rows:
                    return file, row + 1
                row -= rows
        return self.location, row + 1

    def file_names(self) -> pl.Series:
        """The file of each row, for splits by file.

        Raises:
            DataError: the source isn't made of files.
        """
        import polars as pl

        if not self.files:
            raise DataError(
                Problem(
                    "a split by files needs a source of files",
                    file=self.location,
                    suggestion="Use a source such as csv with a path that takes several files: 'data/*.csv'.",
                )
            )
        names = [pl.Series(FILE_COLUMN, [file]).new_from_index(0, rows) for file, rows in self.files if rows]
        return pl.concat(names)


def identity(plugin: Plugin, catalog: Catalog) -> list[Any]:
    """What a result that this plugin made depends on: its settings, and whose code it is in which version."""
    try:
        entry = catalog.owner(plugin)
        owner = [entry.distribution, entry.version]
    except UsageError:  # a class that was handed over without being installed
        owner = [f"{type(plugin).__module__}:{type(plugin).__qualname__}", ""]
    return [plugin.as_recipe(), *owner]


def read(recipe: Recipe, cache: Path) -> Table:
    """Read the recipe's source, or find it in the cache.

    Args:
        recipe: As written; nothing but `data` is looked at.
        cache: The cache's folder.

    Raises:
        DataError: the data can't be read, or nothing can be learnt from it; file, row and column are named.
        RecipeError: the recipe names a column that isn't there.
    """
    import polars as pl

    source = recipe.data.source
    source.expect(recipe.data.columns)
    location = source.location()
    by = "the source's settings"
    settings = {
        by: store.address(identity(source, installed())),
        "data.columns": store.address(recipe.data.columns),
        "the version of polars": store.address(pl.__version__),
    }
    early: list[pl.LazyFrame] = []
    if source.reads_twice and store.surely_lacks(cache / "tables", by, settings[by]):
        fingerprint, scanned = _read_twice(source, location)
        early.append(scanned)
    else:
        fingerprint = source.fingerprint()
    made_of = {"the data": store.address(fingerprint), **settings}
    key = store.address(["table", 2, made_of])

    starts = [str(source.recipe_folder), str(Path.cwd())]
    counted: dict[str, pl.DataFrame] = {}

    def build(under_way: Sealed) -> dict[str, Any]:
        path = under_way.folder / TABLE
        try:
            scanned = early.pop() if early else _scan(source, location)
            with _readable(location):
                finished = source.typed_file()
                rows = scanned if finished else _settled(scanned, recipe.data.columns, location)
                beside = [Path(file).absolute().parent for file, _ in source.row_files()]
                places = [*beside, *(Path(start) for start in starts)]
                named = image_files.named(rows, recipe.data.columns, places)
                if finished and not named:
                    shutil.move(finished.path, path)
                    digest = finished.digest
                    counted.update(source.counted_words())
                else:
                    height = sum(count for _, count in source.row_files()) if source.cuts else None
                    digest = table_file.write(image_files.absolute(rows, named), path, height)
        finally:
            source.close()
        if digest is not None:
            under_way.digests[TABLE] = digest
        if not finished:
            _refuse_infinities(path, location)
        height = pl.scan_ipc(path).select(pl.len()).collect().item()
        return {
            "rows": height,
            "notes": [secrecy.hide(note) for note in source.notes()],
            "files": [[secrecy.hide(file), rows] for file, rows in source.row_files()],
            "images": sorted(named),
            "folders": starts,
        }

    looked: list[column_roles.Inferred] = []
    tasks: list[tuple[Task, str]] = []

    def look(folder: Path) -> None:
        """What the columns are, of a new table while it is sealed; what is wrong with them is told in its turn."""
        with suppress(RecipeError):
            overruled = column_roles.declared(recipe.data.columns, list(pl.read_ipc_schema(folder / TABLE)))
            looked.append(column_roles.infer(of_table(folder / TABLE), overruled, counted=counted))
        if recipe.data.task == "auto":
            with suppress(DataError, pl.exceptions.PolarsError):
                tasks.append(target_task.infer(pl.scan_ipc(folder / TABLE), recipe.targets, location, counted))

    try:
        entry = store.obtain(cache / "tables", key, build, made_of, look)
    finally:
        source.close()  # where another process has built it meanwhile
    if entry.info["images"] and entry.info["folders"] != starts:
        # The same rows at another place: relative paths mean other files here.
        key = store.address([key, starts])
        entry = store.obtain(cache / "tables", key, build)
    path = entry.folder / TABLE
    if entry.info["images"] and not source.covers_files:
        fingerprint = store.address([fingerprint, image_files.digest(path, entry.info["images"], location)])
    schema = pl.read_ipc_schema(path)
    rows = pl.scan_ipc(path)
    names = list(schema)
    overruled = column_roles.declared(recipe.data.columns, names)
    targets = _targets(recipe, names, entry.info["rows"], location)
    notes = list(entry.info["notes"])
    if entry.repaired:
        notes.append("The cached table was damaged and has been read from the source again.")
    if recipe.data.task == "auto":
        task, reason = tasks[0] if tasks else target_task.infer(rows, targets, location)
        notes.append(reason)
    else:
        task = recipe.data.task
    target_task.check(task, pl.Schema(schema), targets, location)
    roles, left_out, few = looked[0] if looked else column_roles.infer(of_table(path), overruled)
    notes += [note for name, note in left_out.items() if name not in targets]
    return Table(
        path=path,
        rows=entry.info["rows"],
        schema=pl.Schema(schema),
        roles=roles,
        overruled=overruled,
        task=task,
        targets=targets,
        fingerprint=fingerprint,
        location=location,
        files=tuple((secrecy.reveal(file), count) for file, count in entry.info["files"]),
        notes=tuple(notes),
        few=few,
        words=counted,
        cache_hit=entry.hit,
        changed=entry.changed,
    )


@contextmanager
def _readable(location: str) -> Iterator[None]:
    """Say what polars can't read as an error of the data."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        # Sources name the row of what they know to be wrong; this is what is left, such as a cut Parquet file.
        reason = str(error).partition("\n")[0]
        raise DataError(Problem(f"the data can't be read: {reason}", file=location)) from error


def _scan(source: Source, location: str) -> pl.LazyFrame:
    with ThreadPoolExecutor(1, "recipeline-imports") as imports, _readable(location):
        imports.submit(table_file.load)
        return source.scan()


def _read_twice(source: Source, location: str) -> tuple[str, pl.LazyFrame]:
    """The fingerprint, taken while the rows are read: the cache won't have them."""
    with ThreadPoolExecutor(1, "recipeline-fingerprint") as beside:
        fingerprint = beside.submit(source.fingerprint)
        try:
            with _readable(location):
                scanned = source.scan()
            return fingerprint.result(), scanned
        except BaseException:
            source.close()
            raise


def _targets(recipe: Recipe, names: list[str], rows: int, location: str) -> tuple[str, ...]:
    if not names or rows == 0:
        raise DataError(Problem("the data has no rows", file=location, suggestion="Name a source that has some."))
    problems = [
        Problem(f"there is no column '{name}'", path="data.target", suggestion=column_roles.did_you_mean(name, names))
        for name in recipe.targets
        if name not in names
    ]
    if len(set(recipe.targets)) < len(recipe.targets):
        problems.append(Problem("the target columns must be named once each", path="data.target"))
    if problems:
        raise RecipeError(*problems)
    return recipe.targets


def _settled(rows: pl.LazyFrame, columns: dict[str, Role], location: str) -> pl.LazyFrame:
    """The rows with the types of a table; NaN becomes missing, so that missing has one meaning.

    Raises:
        DataError: a column holds something that isn't a plain cell.
    """
    import polars as pl

    schema = rows.collect_schema()
    casts = []
    problems = []
    for name, dtype in schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.Datetime):
            if dtype.time_zone is not None:
                column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            casts.append(column.cast(pl.Datetime("us")))
        elif dtype in (pl.Float32, pl.Float64):
            casts.append(column.cast(pl.Float64).fill_nan(None))
        elif dtype.is_integer():
            casts.append(column.cast(pl.Int64 if dtype not in (pl.UInt64, pl.Int128) else pl.Float64))
        elif dtype.is_decimal():
            casts.append(column.cast(pl.Float64))
        elif dtype in (pl.Categorical, pl.Enum, pl.Null):
            casts.append(column.cast(pl.String))
        elif dtype in (pl.Boolean, pl.String, pl.Date, pl.Binary):
            casts.append(column)
        elif (kept := arrays.settled(dtype)) is not None:
            casts.append(column.cast(kept))
        elif column_roles.declared_role(columns, name) != "ignore":
            problems.append(
                Problem(
                    "a table has plain cells (numbers, words, dates, true and false) or arrays of numbers "
                    f"(found {dtype})",
                    file=location,
                    field=name,
                    suggestion=f"Leave it out with data.columns: {{{name}: ignore}}.",
                )
            )
    if problems:
        raise DataError(*problems)
    return rows.select(casts)


def _refuse_infinities(path: Path, location: str) -> None:
    import polars as pl

    rows = pl.scan_ipc(path)
    floats = [name for name, dtype in rows.collect_schema().items() if dtype == pl.Float64]
    if not floats:
        return
    found: set[str] = set()
    for batch in table_file.record_batches(path, floats):
        found |= {name for name in floats if batch[name].is_infinite().any()}
    problems = []
    for name in floats:
        if name in found:
            first = rows.select(pl.col(name).is_infinite().arg_true().first()).collect().item()
            problems.append(
                Problem(
                    "a number is infinite",
                    file=location,
                    row=first + 1,
                    field=name,
                    found=str(rows.select(pl.col(name).get(first)).collect().item()),
                    suggestion="Write a finite number, or leave the cell empty if it isn't known.",
                )
            )
    if problems:
        raise DataError(*problems)
