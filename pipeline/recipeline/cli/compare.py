"""`recipeline compare`: what differs between runs, and what it did to the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from recipeline.cli.output import echo, emit_json, json_option, table
from recipeline.cli.progress import number
from recipeline.errors import Problem, UsageError

if TYPE_CHECKING:
    from recipeline.catalog import Catalog
    from recipeline.tracking.compare import Comparison

ABSENT = "-"
BEST = "* "
DIGEST = 12
"""Characters of a digest or a commit that are shown: enough to tell two apart."""


@click.command(epilog="RUN is an id, a unique beginning of one, a run's name, or `last`.")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@json_option
def command(runs: tuple[str, ...], as_json: bool) -> None:
    """Show what differs between runs in settings, data and code, and their metrics side by side.

    The first RUN is what the others are measured against. The best of each metric has a star; `better` says whether
    that is the lowest or the highest.
    """
    if len(runs) < 2:
        raise UsageError(Problem("there is nothing to compare with", suggestion="Name two runs or more."))

    from recipeline.tracking.find import find_run
    from recipeline.tracking.store import tracking_uri

    uri = tracking_uri()
    found = [find_run(run, uri) for run in runs]
    ids = [run.run_id for run in found]
    if len(set(ids)) < len(ids):
        twice = next(run for run in ids if ids.count(run) > 1)
        raise UsageError(Problem("a run is named twice", found=twice, suggestion="Name different runs."))

    from recipeline.catalog import installed
    from recipeline.tracking.compare import compare

    catalog = installed()
    comparison = compare(found, catalog)
    if as_json:
        emit_json(comparison.as_dict())
    else:
        _show(comparison, catalog)


def _show(comparison: Comparison, catalog: Catalog) -> None:
    heads = [run.run_id[:8] for run in comparison.runs]
    facts = [("name", [run.name for run in comparison.runs])]
    facts += [("started", [run.started.astimezone().strftime("%Y-%m-%d %H:%M") for run in comparison.runs])]
    facts += [("status", [run.status for run in comparison.runs])]
    table(["run", *heads], [(name, *values) for name, values in facts])
    for title, values in (("settings", comparison.params), ("data", comparison.data), ("code", comparison.code)):
        echo()
        if values:
            table([title, *heads], _rows(values))
        else:
            echo(f"{title}: the same")
    echo()
    if comparison.metrics:
        table(["metric", "better", *heads], _metrics(comparison, catalog), right=heads)
    else:
        echo("metrics: none")


def _rows(values: Mapping[str, Sequence[str | None]]) -> list[tuple[str, ...]]:
    return [
        (name, *(ABSENT if value is None else value[:DIGEST] if len(value) in (36, 40, 64) else value for value in row))
        for name, row in values.items()
    ]


def _metrics(comparison: Comparison, catalog: Catalog) -> list[tuple[str, ...]]:
    from recipeline.tracking.compare import higher_is_better

    words = {None: "", True: "higher", False: "lower"}
    rows = []
    for name, values in comparison.metrics.items():
        cells = []
        # Whole numbers as they are where all of the row are, such as epochs; else all as in the table that ends a run.
        whole = all(value is None or (value.is_integer() and abs(value) < WHOLE) for value in values)
        for position, (value, change) in enumerate(zip(values, comparison.difference(name), strict=True)):
            star = BEST if comparison.best.get(name) == position else ""
            if value is None:
                cells.append(ABSENT)
            elif position == 0 or not change:
                cells.append(star + _number(value, whole))
            else:
                cells.append(f"{star}{_number(value, whole)} ({'+' if change > 0 else ''}{_number(change, whole)})")
        rows.append((name, words[higher_is_better(name, catalog)], *cells))
    return rows


def _number(value: float, whole: bool) -> str:
    return f"{value:.0f}" if whole else number(value)


WHOLE = 1e9
"""Whole numbers below this are shown with all their digits."""
