"""`recipeline resume`: go on with a run that was killed, interrupted or has failed."""

from __future__ import annotations

import os

import click

from recipeline.cli.output import emit_json, examples, json_option


@click.command(epilog=examples("recipeline resume last", "recipeline resume 3f2a91c0 --allow-drift"))
@click.argument("run", metavar="RUN")
@click.option("--allow-drift", is_flag=True, help="Go on though data, code, versions or machine have changed.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the closing table.")
@json_option
def command(run: str, allow_drift: bool, quiet: bool, as_json: bool) -> None:
    """Go on in RUN from its newest checkpoint: it ends with the same numbers as if it had never stopped."""
    from recipeline.cli.progress import observer
    from recipeline.cli.run import closing
    from recipeline.tracking.store import shown
    from recipeline.training.observer import Observer

    other_rank = int(os.environ.get("LOCAL_RANK", "0")) > 0
    watching = None if quiet or other_rank else observer()
    try:
        # Seconds of imports: whoever watches sees that something goes on.
        from recipeline.resuming import resume

        recipe, result = resume(run, allow_drift=allow_drift, observer=watching or Observer())
    finally:
        if watching is not None:
            watching.close()
    if other_rank:
        return
    if as_json:
        emit_json(result.as_dict() | {"tracking_uri": shown(result.tracking_uri)})
    else:
        closing(recipe, result)
