"""`recipeline init`: a commented starter recipe from a look at the data."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipeline.cli import init_images
from recipeline.cli.output import echo, examples, note
from recipeline.errors import Problem, UnsafeError, UsageError

if TYPE_CHECKING:
    from recipeline.data.read import Table
    from recipeline.families.source import Source
    from recipeline.families.spec import Role

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
SHOWN = 20
"""Columns of a role that are listed; the rest is counted."""


@click.command(
    short_help="Write a commented starter recipe from a look at the data.",
    epilog=examples("recipeline init sales.csv --target price -o sales.yaml", "recipeline init sample:penguins"),
)
@click.argument("data", metavar="DATA")
@click.option(
    "--target",
    metavar="COL",
    multiple=True,
    help="The column to predict; again for several. Left out: lists the columns.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE, not to stdout.",
)
@click.option("--name", metavar="NAME", help="The recipe's name; by default that of the data.")
@click.option("--force", is_flag=True, help="Write over FILE if it is there.")
def command(data: str, target: tuple[str, ...], output: Path | None, name: str | None, force: bool) -> None:
    """Look at DATA and write a recipe that runs as it is, with the reasons beside the settings.

    DATA is a CSV or Parquet file, a glob of several ('data/*.csv'), a folder of images in folders of their classes, or
    a bundled data set such as sample:penguins.
    """
    if output is not None and output.exists() and not force:
        raise UnsafeError(
            Problem("this file is there already", file=str(output), suggestion="Name another, or add --force.")
        )
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(Problem("there is no such folder", path="-o", found=str(output.parent)))
    settings = source_settings(data, Path.cwd() if output is None else output.absolute().parent)
    with tempfile.TemporaryDirectory(prefix="recipeline-init-") as place:
        text = starter(settings, target, name or default_name(data), output, Path(place))
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
    return {"type": kind, "path": relative.as_posix()}


def default_name(data: str) -> str:
    """A name made of the data's: `data/sales 2024.csv` gives sales_2024."""
    stem = data.removeprefix(SAMPLE) if data.startswith(SAMPLE) else Path(data).name.partition(".")[0]
    words = "".join(sign if sign.isalnum() else " " for sign in stem).split()
    return "_".join(words) or "recipe"


def starter(settings: dict[str, Any], target: tuple[str, ...], name: str, output: Path | None, place: Path) -> str:
    """The recipe's text, checked by loading it and by splitting the rows as it says.

    Raises:
        UsageError: no target is named, or one that isn't there.
        DataError: the data can't be read, or can't be learnt from.
    """
    from recipeline.catalog import installed
    from recipeline.data.read import read
    from recipeline.data.split import split
    from recipeline.recipe.defaults import fill
    from recipeline.recipe.load import parse

    folder = Path.cwd() if output is None else output.absolute().parent
    source = _source(settings, folder)
    if settings["type"] == "image_folder" and not target:
        target = ("label",)
    _check_target(source, target)
    minimal = _compose(
        {"name": name, "data": {"source": settings, "target": _one_or_list(target)}, "architecture": "mlp"}
    )
    recipe = parse(minimal, "the starter recipe", catalog=installed(), folder=folder).recipe
    table = read(recipe, place)
    # The roles are those that the train rows show, as in a run.
    roles = split(table, fill(recipe, table.task, table.roles)).roles
    text = compose(settings, table, roles, name, output)
    parse(text, "the starter recipe", catalog=installed(), folder=folder)
    return text


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


def compose(settings: dict[str, Any], table: Table, roles: dict[str, Role], name: str, output: Path | None) -> str:
    """The commented recipe for this table."""
    from recipeline.recipe import defaults

    task = table.task
    features = {column: role for column, role in roles.items() if column not in table.targets}
    images = [column for column, role in features.items() if role == "image"]
    overruled: dict[str, Role] = {
        column: "ignore"
        for column, role in features.items()
        if role in ("text", "ignore") or column in images[1:]  # a network looks at one image a row
    }
    missing = _missing(table)
    used = {column: role for column, role in features.items() if column not in overruled}
    steps = defaults.preprocessing(task, used)
    network: dict[str, Any] = {"type": "mlp", "hidden": [64, 32], "dropout": 0.1}
    if images:
        pixels = init_images.size_for(table, images[0])
        if pixels is not None:
            steps = [{**step, "size": pixels} if step["type"] == "load_image" else step for step in steps]
        network = init_images.network_for(init_images.smallest_side(table, images[0], pixels))
    command_file = output.as_posix() if output is not None else f"{name}.yaml"
    what = ", ".join(table.targets)
    size = 32 if table.rows < 20_000 else 256 if table.rows < 200_000 else 1024

    lines = [
        f"# Predicts {_plain(what)} from {len(used)} columns of {_plain(table.location)}: {table.rows:,} rows.",
        "#",
        f"#   recipeline plan {command_file}     what it will do",
        f"#   recipeline run {command_file}      train, evaluate, log",
        "",
        "recipe: 1",
        _entry("name", name),
        _entry("description", f"A starting point: {task} of {what}."),
        "seed: 0                               # the same seed gives the same numbers",
        "",
        "data:",
        _entry("source", settings, 2),
        _entry("target", _one_or_list(table.targets), 2),
        _comment(_entry("task", task, 2), _reason(table)),
        *_columns(overruled, features, missing),
        _comment(_entry("split", defaults.split_settings(task), 2), "train, choose, judge"),
        "",
        *_steps(steps, used, missing),
        "",
        _comment(
            _entry("architecture", network), "more blocks see larger things" if images else "try linear for comparison"
        ),
        _entry("loss", defaults.LOSS[task]),
        _comment(_entry("optimizer", {"type": "adam", "lr": 0.001}), "higher: faster, less steady"),
        "regularization:",
        _comment(
            _item({"type": "early_stopping", "monitor": "val/loss", "patience": 10}), "stops when nothing improves"
        ),
        "",
        _entry("metrics", list(defaults.METRICS[task])),
        _comment(_entry("training", {"epochs": 50, "batch_size": size}), "larger batches: faster, fewer steps"),
        _entry("reports", list(defaults.REPORTS[task])),
    ]
    return "\n".join(lines) + "\n"


def _steps(steps: list[dict[str, Any]], used: dict[str, Any], missing: dict[str, int]) -> list[str]:
    """The preprocessing steps, each with its reason."""
    if not steps:
        return [_comment("preprocessing: []", "every column is a number between its bounds already")]
    head = _comment("preprocessing:", "in order; what a step learns, it learns from train rows alone")
    return [head, *(_comment(_item(step), _step_reason(step, used, missing)) for step in steps)]


def _columns(overruled: dict[str, Role], features: dict[str, Role], missing: dict[str, int]) -> list[str]:
    """The columns by role as comments, and those that are left out as settings."""
    by_role: dict[str, list[str]] = {}
    for column, role in features.items():
        if column not in overruled:
            count = f" ({missing[column]:,} missing)" if missing.get(column) else ""
            by_role.setdefault(role, []).append(f"{column}{count}")
    lines = ["  # Roles as inferred from the rows:"]
    for kind, columns in by_role.items():
        shown = ", ".join(columns[:SHOWN]) + (f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else "")
        lines += textwrap.wrap(_plain(f"{kind}: {shown}"), 110, initial_indent="  #   ", subsequent_indent="  #     ")
    if not overruled:
        return [*lines, "  columns: {}                         # overrules roles: `zip: categorical`, `id: ignore`"]
    lines.append("  columns:                            # overrules them: `zip: categorical`, `id: ignore`")
    for column in overruled:
        why = "one value only, or names that hardly repeat"
        if features[column] == "text":
            why = "free text: no step here turns it into numbers"
        elif features[column] == "image":
            why = "a network looks at one image a row"
        lines.append(_comment(_entry(column, "ignore", 4), why))
    return lines


def _missing(table: Table) -> dict[str, int]:
    """How many values each column lacks."""
    import polars as pl

    return table.scan().select(pl.all().null_count()).collect().row(0, named=True)


def _reason(table: Table) -> str:
    for line in table.notes:
        if line.startswith("Task: "):
            return _plain(line.partition("because ")[2].partition(". Set")[0])
    return "what is to be learnt"


def _step_reason(step: dict[str, Any], used: dict[str, Any], missing: dict[str, int]) -> str:
    if step["type"] == "impute":
        holes = sum(missing.get(column, 0) for column, role in used.items() if role == "numeric")
        return f"fills the {holes:,} missing numbers" if holes else "none is missing here; one may be when it serves"
    return {
        "load_image": "height and width: larger sees more, and is slower" if "size" in step else "as large as they are",
        "normalize_image": "each channel around 0, by the train images",
        "datetime_parts": "year, month, day, ... as numbers",
        "standardize": "mean 0, deviation 1: what networks like",
        "one_hot": "a column of 0 and 1 for each value",
        "normalize_target": "undone in every metric and prediction",
    }.get(step["type"], "")


def _one_or_list(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def _compose(data: dict[str, Any]) -> str:
    from recipeline.recipe.dump import plain_to_yaml

    return plain_to_yaml(data)


def _entry(key: str, value: Any, indent: int = 0) -> str:
    """`key: value` on one line."""
    return f"{' ' * indent}{_flow(key)}: {_flow(value)}"


def _item(value: dict[str, Any]) -> str:
    """`- {key: value}` on one line."""
    return f"  - {_flow(value)}"


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    from recipeline.recipe.dump import plain_to_yaml

    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    # Written as the one item of a list, so that it is quoted where a comma or a bracket would end it.
    return " ".join(part.strip() for part in plain_to_yaml([value]).splitlines())[1:-1]


def _comment(line: str, words: str) -> str:
    """The line with a comment behind it."""
    return f"{line:<36}  # {words}" if words else line


def _plain(text: str) -> str:
    """Text that may stand in a comment: on one line, without signs that can't be seen."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
