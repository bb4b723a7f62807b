"""`recipeline init`: a commented starter recipe from a look at the data."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipeline.cli import init_sequences, init_series
from recipeline.cli.init_lines import one_or_list
from recipeline.cli.init_recipe import Look, compose
from recipeline.cli.output import echo, examples, note
from recipeline.errors import DataError, Problem, UnsafeError, UsageError

if TYPE_CHECKING:
    from recipeline.data.read import Table
    from recipeline.families.source import Source

SAMPLE = "sample:"
TARGET_WORDS = (
    "target",
    "label",
    "class",
    "outcome",
    "y",
    "species",
    "diagnosis",
    "price",
    "income",
    "churn",
    "result",
)
"""Names that a target often has."""
FEW = 20
"""Different words that a column may hold to look like classes."""
COMMA = r"^\s*[-+]?\d+(,\d+)?\s*$"
"""A number as it is written with a decimal comma."""
ENCODING_BYTES = 1_000_000
"""Bytes of a file that are looked at for how its letters are written."""
LIST = r"^\s*\[[-+0-9.,eE\s\[\]]*\]\s*$"
"""A list of numbers, written as words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says about the columns."""

    target: tuple[str, ...]
    time: str | None
    group: str | None
    horizon: int | None
    as_table: bool


@click.command(
    short_help="Write a commented starter recipe from a look at the data.",
    epilog=examples(
        "recipeline init houses.csv --target price -o houses.yaml",
        "recipeline init sales.csv --target sold --time day --group shop --horizon 7",
        "recipeline init sample:penguins",
    ),
)
@click.argument("data", metavar="DATA")
@click.option(
    "--target",
    metavar="COL",
    multiple=True,
    help="The column to predict; again for several. Left out: lists the columns.",
)
@click.option("--time", metavar="COL", help="The column of times of a series: forecast the target from its past.")
@click.option("--group", metavar="COL", help="With --time: the column that tells several series apart.")
@click.option("--horizon", metavar="N", type=click.IntRange(1, 1000), help="Steps to forecast; 1 by default.")
@click.option("--table", "as_table", is_flag=True, help="No forecast, though the rows look like a series in time.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE, not to stdout.",
)
@click.option("--name", metavar="NAME", help="The recipe's name; by default that of the data.")
@click.option("--force", is_flag=True, help="Write over FILE if it is there.")
def command(
    data: str,
    target: tuple[str, ...],
    time: str | None,
    group: str | None,
    horizon: int | None,
    as_table: bool,
    output: Path | None,
    name: str | None,
    force: bool,
) -> None:
    """Look at DATA and write a recipe that runs as it is, with the reasons beside the settings.

    DATA is a CSV or Parquet file, a glob of several ('data/*.csv'), a folder of images in folders of their classes, or
    a bundled data set such as sample:penguins. Rows at equal distances in time, with a target of numbers, are a series
    to forecast; a column of texts, of images or of lists of numbers is read by a network for it.
    """
    if output is not None and output.exists() and not force:
        raise UnsafeError(
            Problem("this file is there already", file=str(output), suggestion="Name another, or add --force.")
        )
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(Problem("there is no such folder", path="-o", found=str(output.parent)))
    if as_table and time is not None:
        raise UsageError(Problem("a table is not forecast", path="--table", suggestion="Leave --table or --time out."))
    settings = source_settings(data, Path.cwd() if output is None else output.absolute().parent)
    asked = Asked(target, time, group, horizon, as_table)
    with tempfile.TemporaryDirectory(prefix="recipeline-init-") as place:
        text = starter(settings, asked, name or default_name(data), output, Path(place))
    if output is None:
        echo(text.rstrip("\n"))
        return
    from recipeline.storage.atomic import write_text

    write_text(output, text)
    note(f"wrote {output}\n  recipeline plan {output}\n  recipeline run {output}")


def source_settings(data: str, folder: Path) -> dict[str, Any]:
    """The source that DATA means, its path as a recipe in this folder would write it."""
    if data.startswith(SAMPLE):
        return {"type": "sample", "dataset": data.removeprefix(SAMPLE)}
    path = Path(data).expanduser().absolute()
    relative = path.relative_to(folder) if path.is_relative_to(folder) else path
    if data and not Path(data).is_absolute() and path.is_relative_to(Path.cwd()) and not path.is_relative_to(folder):
        relative = path.relative_to(Path.cwd())  # found below the working folder, where the command will be given
    if path.is_dir():
        return {"type": "image_folder", "path": relative.as_posix()}
    kind = "parquet" if path.suffix.lower() in (".parquet", ".pq") else "csv"
    return {"type": kind, "path": relative.as_posix()} | (_encoding(path) if kind == "csv" else {})


def default_name(data: str) -> str:
    """A name made of the data's: `data/sales 2024.csv` gives sales_2024."""
    stem = data.removeprefix(SAMPLE) if data.startswith(SAMPLE) else Path(data).name.partition(".")[0]
    words = "".join(sign if sign.isalnum() else " " for sign in stem).split()
    return "_".join(words) or "recipe"


def starter(settings: dict[str, Any], asked: Asked, name: str, output: Path | None, place: Path) -> str:
    """The recipe's text, checked by loading it and by splitting the rows as it says.

    Raises:
        UsageError: no target is named, or one that isn't there.
        DataError: the data can't be read, or can't be learnt from.
    """
    from recipeline.catalog import installed
    from recipeline.data.read import read
    from recipeline.data.split import split
    from recipeline.recipe.defaults import fill
    from recipeline.recipe.dump import plain_to_yaml
    from recipeline.recipe.load import parse

    folder = Path.cwd() if output is None else output.absolute().parent
    source = _source(settings, folder)
    if (comma := _decimal_comma(source)) is not None:
        settings = settings | {"decimal": ","}
        note(f"'{comma}' holds numbers with a decimal comma: read so, with decimal: ','")
        source = _source(settings, folder)
    target = ("label",) if settings["type"] == "image_folder" and not asked.target else asked.target
    _check_target(source, target)
    series = None
    if not asked.as_table:
        series = init_series.look(source, settings, target, asked.time, asked.group, asked.horizon or 1)
    if series is None and (asked.group is not None or asked.horizon is not None):
        what = "--group" if asked.group is not None else "--horizon"
        fix = "Name the column of the times: --time COL."
        raise UsageError(Problem("this belongs to a forecast, and no times are known", path=what, suggestion=fix))
    data: dict[str, Any] = {"source": settings, "target": one_or_list(target)}
    if series is not None:
        data = {"source": series.settings, "target": one_or_list(series.targets), "split": series.split}
        data |= {"task": "forecasting", "columns": {series.time: "ignore"}}
    minimal = plain_to_yaml({"name": name, "data": data, "architecture": "mlp"})
    recipe = parse(minimal, "the starter recipe", catalog=installed(), folder=folder).recipe
    table = read(recipe, place)
    _refuse_lists(table)
    for told in table.notes if series is not None else ():
        note(told)
    if table.task == "sequence" and (read_as := init_sequences.columns(table)):
        minimal = plain_to_yaml({"name": name, "data": data | {"columns": read_as}, "architecture": "mlp"})
        recipe = parse(minimal, "the starter recipe", catalog=installed(), folder=folder).recipe
        table = read(recipe, place)
    # The roles are those that the train rows show, as in a run.
    roles = split(table, fill(recipe, table.task, table.roles)).roles
    text = compose(Look(settings, table, roles, name, output, series))
    parse(text, "the starter recipe", catalog=installed(), folder=folder)
    return text


def _refuse_lists(table: Table) -> None:
    """Refuse a column of words that are lists of numbers: they would be read as a text.

    Raises:
        DataError: there is one.
    """
    import polars as pl

    words = [name for name, role in table.roles.items() if table.schema[name] == pl.String and role != "image"]
    shown = table.scan().select(words).head(20).collect()
    for column in shown:
        if column.null_count() < len(column) and column.drop_nulls().str.contains(LIST).all():
            raise DataError(
                Problem(
                    "this column holds lists of numbers, written as words",
                    file=table.location,
                    field=column.name,
                    found=f"{column.drop_nulls()[0][:40]!r}",
                    suggestion="Save the table as Parquet, with a column of lists: then each row has a series. Or "
                    "leave the column out of the file.",
                )
            )


def _decimal_comma(source: Source) -> str | None:
    """A column of a CSV file that holds nothing but numbers with a decimal comma, if there is one."""
    import polars as pl

    if source.plugin_name != "csv":
        return None
    rows = source.scan()
    words = [name for name, dtype in rows.collect_schema().items() if dtype == pl.String]
    for column in rows.select(words).head(1000).collect() if words else ():
        cells = column.drop_nulls()
        if len(cells) and cells.str.contains(COMMA).all() and cells.str.contains(",", literal=True).any():
            return column.name
    return None


def _encoding(path: Path) -> dict[str, str]:
    """How a CSV file's letters are written, where it isn't UTF-8."""
    import codecs

    if not path.is_file():
        return {}
    with path.open("rb") as file:
        start = file.read(ENCODING_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return {"encoding": "utf-16"}
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        plain = b"\0" not in start and not start.startswith(b"\x1f\x8b")  # no packed file, no other format
        if plain:
            note(f"{path.name} is no UTF-8: read as an older Windows writes it, with encoding: cp1252")
        return {"encoding": "cp1252"} if plain else {}
    return {}


def _source(settings: dict[str, Any], folder: Path) -> Source:
    from pydantic import ValidationError

    from recipeline.catalog import installed
    from recipeline.families.source import Source as Family

    family: type[Any] = Family
    found: type[Source] = installed().find(family, settings["type"])
    try:
        return found.model_validate(
            {key: value for key, value in settings.items() if key != "type"}, context={"folder": folder}
        )
    except ValidationError as error:
        if settings["type"] != "sample":
            raise
        there = found.model_fields["dataset"].annotation
        names = ", ".join(getattr(there, "__args__", ()))
        raise UsageError(
            Problem(f"no data set is named '{settings['dataset']}'", path="DATA", suggestion=f"There are: {names}.")
        ) from error


def _check_target(source: Source, target: tuple[str, ...]) -> None:
    """Whether the target columns are there.

    Raises:
        UsageError: none is named, or one that isn't there; the columns are listed.
    """
    from recipeline.nearest import did_you_mean

    rows = source.scan()
    names = list(rows.collect_schema())
    unknown = [name for name in target if name not in names]
    if target and not unknown:
        return
    listed = f"The columns are: {', '.join(names)}."
    if not target:
        likely = _likely_targets(source)
        guess = f" Likely: {', '.join(likely)}." if likely else ""
        raise UsageError(Problem("no column to predict is named", path="--target", suggestion=f"{listed}{guess}"))
    raise UsageError(
        *[
            Problem(
                f"there is no column '{name}'",
                path="--target",
                suggestion=" ".join(filter(None, (did_you_mean(name, names), listed))),
            )
            for name in unknown
        ]
    )


def _likely_targets(source: Source) -> list[str]:
    """The columns that look most like a target: by name, or few different words and near the end."""
    import polars as pl

    head = source.scan().head(10_000).collect()

    def score(place: int, name: str) -> float:
        column = head[name]
        words = set("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())
        distinct = column.drop_nulls().n_unique()
        classes = column.dtype in (pl.String, pl.Boolean) and 2 <= distinct <= FEW
        named = bool(words & set(TARGET_WORDS))
        return 3 * named + classes + (place == head.width - 1) - (5 if distinct < 2 else 0)

    scores = {name: score(place, name) for place, name in enumerate(head.columns)}
    best = sorted((name for name in scores if scores[name] >= 1), key=lambda name: -scores[name])
    return best[:3]
