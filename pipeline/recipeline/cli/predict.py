"""`recipeline predict`: raw rows in, predictions out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipeline.cli.output import echo, emit_json, json_option, note
from recipeline.errors import Problem, UsageError

if TYPE_CHECKING:
    import polars as pl

WRITTEN = (".csv", ".parquet")
"""The ends of a file's name that say what to write."""


@click.command(epilog="RUN is an id, a unique beginning of one, a run's name, or `last`.")
@click.argument("run", metavar="RUN")
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this .csv or .parquet, replacing it.")
@json_option
def command(run: str, data: Path, output: Path | None, as_json: bool) -> None:
    """Answer the raw rows in DATA (CSV, Parquet or a folder of images) with the model of RUN.

    The rows look as they did in the training's source; the target may be missing, and is ignored where it is not. A
    folder's answers have the image's name below it as their first column, `file`.
    """
    _check_output(data, output)

    from recipeline.serving.rows import IMAGES, image_files, kind_of, read_rows

    kind = kind_of(data)  # before the model is fetched: that takes seconds

    from recipeline.tracking.find import find_run
    from recipeline.tracking.store import tracking_uri

    found = find_run(run, tracking_uri())
    if found.model_uri is None:
        raise UsageError(
            Problem(
                f"the run {found.run_id} ({found.name}) has no model",
                found=found.status,
                suggestion="Only a finished run has one: see recipeline compare, or the UI.",
            )
        )

    import polars as pl

    from recipeline.catalog import installed
    from recipeline.serving.fetch import fetch_model

    with tempfile.TemporaryDirectory(prefix="recipeline-model-") as place:
        model = fetch_model(found.model_uri, found.tracking_uri, Path(place))
    rows = read_rows(data, model.pipeline, model.trained_on, installed())
    answers = model.at(str(data)).predict(rows)
    if kind == IMAGES:
        names = [file.relative_to(data).as_posix() for file in image_files(data)]
        answers.insert_column(0, pl.Series("file", names))
    if output is not None:
        _write(answers, output)
        note(f"{answers.height} rows answered by {found.name} ({found.run_id[:8]}): {output}")
    if as_json:
        emit_json(answers.to_dicts())
    elif output is None:
        echo(answers.write_csv().rstrip("\n"))


def _check_output(data: Path, output: Path | None) -> None:
    if output is None:
        return
    if output.suffix.lower() not in WRITTEN:
        raise UsageError(
            Problem(
                "the file's name must say what to write",
                path="-o",
                found=str(output),
                suggestion="End it with .csv or .parquet.",
            )
        )
    if output.exists() and data.exists() and output.samefile(data):
        raise UsageError(Problem("this would replace DATA by its answers", path="-o", found=str(output)))
    if not output.absolute().parent.is_dir():
        raise UsageError(Problem("there is no such folder", path="-o", found=str(output.parent)))


def _write(answers: pl.DataFrame, output: Path) -> None:
    from recipeline.storage.atomic import replacing

    with replacing(output) as file:
        if output.suffix.lower() == ".csv":
            answers.write_csv(file)
        else:
            answers.write_parquet(file)
