"""`recipeline reproduce`: run a run again, and say metric by metric how close it came."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from recipeline.cli.output import echo, emit_json, examples, json_option, table

if TYPE_CHECKING:
    from recipeline.reproducing import Reproduction
    from recipeline.tracking.closeness import Closeness

UNEXPLAINED = 1
"""The exit code where nothing that is known differs, and the numbers do all the same."""


@click.command(
    epilog=examples(
        "recipeline reproduce last",
        "recipeline reproduce 3f2a91c0 data.source.path=/elsewhere/census.csv",
        "recipeline reproduce 3f2a91c0 training.threads=2 --json",
    )
)
@click.argument("run", metavar="RUN")
@click.argument("overrides", metavar="[K=V ...]", nargs=-1)
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the comparison.")
@json_option
def command(run: str, overrides: tuple[str, ...], quiet: bool, as_json: bool) -> int:
    """Run RUN again from what it has logged, and say metric by metric how close it came.

    It becomes a new run. K=V changes a setting, such as where the data lies here.
    """
    from recipeline.cli.progress import observer
    from recipeline.tracking.store import shown
    from recipeline.training.observer import Observer

    other_rank = int(os.environ.get("LOCAL_RANK", "0")) > 0
    watching = None if quiet or other_rank else observer()
    try:
        # Seconds of imports: whoever watches sees that something goes on.
        from recipeline.reproducing import reproduce

        done = reproduce(run, overrides, observer=watching or Observer())
    finally:
        if watching is not None:
            watching.close()
    if done is None:
        return 0
    if as_json:
        result = done.result.as_dict() | {"tracking_uri": shown(done.result.tracking_uri)}
        emit_json(result | done.report())
    else:
        _show(done)
    return UNEXPLAINED if done.outcome == "unexplained" else 0


def _show(done: Reproduction) -> None:
    from recipeline.cli.next_steps import this_program
    from recipeline.tracking.store import shown

    title = f"{done.of.name}: the run {done.of.run_id[:8]}, run again in {done.result.seconds:.1f} s"
    rows = [(metric.name, _value(metric.then), _value(metric.now), _closeness(metric)) for metric in done.metrics]
    echo()
    table(["metric", "then", "now", "difference"], rows, title=title, right=["then", "now"])
    echo()
    echo(_verdict(done))
    for difference in done.differences:
        echo(f"  {difference.text}")
    if done.notes:
        echo("To know besides:")
    for note in done.notes:
        echo(f"  {note}")
    echo()
    echo(f"run     {done.result.run_id}")
    echo(f"model   {done.result.model_uri}")
    echo(f"store   {shown(done.result.tracking_uri)}")
    echo(f"see     {' '.join(this_program())} compare {done.of.run_id[:8]} {done.result.run_id[:8]}")


def _verdict(done: Reproduction) -> str:
    other = [metric for metric in done.metrics if not metric.identical]
    values = sum(metric.values for metric in done.metrics)
    if done.identical:
        bits = ", and the weights to the last bit" if done.same_weights else ""
        said = f"Identical: all {len(done.metrics)} metrics, {values} values, to the last digit{bits}."
        return f"{said} This differs all the same:" if done.differences else said
    said = f"Not identical: {len(other)} of {len(done.metrics)} metrics differ"
    if not other:
        said = f"Not identical: all {len(done.metrics)} metrics are, and the weights of the best epoch are not"
    shares = [(metric.share, metric.name) for metric in other if metric.share is not None]
    if shares:
        share, name = max(shares)
        said += f", by {_percent(share)} at most ({name})"
    if done.differences:
        return f"{said}. What differs besides, and may be the reason:"
    return (
        f"{said}. Nothing that is known differs: recipe, data, split, code, plugins, versions, machine and threads are "
        "the same. Please report it, with this comparison."
    )


def _value(value: float | None) -> str:
    """Enough digits to see a small difference, whole numbers as they are."""
    return "-" if value is None else f"{value:.6g}"


def _closeness(metric: Closeness) -> str:
    if metric.identical:
        return f"identical, all {metric.values} values" if metric.values > 1 else "identical"
    if metric.largest is None or metric.share is None:
        return "in one of the two only"
    of = f"{metric.differing} of {metric.values} values" if metric.values > 1 else ""
    since = f"from epoch {metric.first_epoch} on" if metric.first_epoch is not None else ""
    most = f"{metric.largest:.2g} ({_percent(metric.share)}){' at most' if metric.values > 1 else ''}"
    return ", ".join(part for part in (most, of, since) if part)


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %"
