"""`recipeline sync`: send what a tracking outage kept back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from recipeline.cli.output import echo, emit_json, examples, json_option, note
from recipeline.errors import EnvironmentFault

if TYPE_CHECKING:
    from recipeline.tracking.settle import Settled

WORDS = {
    "nothing": "all of it is in MLflow",
    "living": "is under way, and sends by itself",
    "elsewhere": "is under way on another machine, or was killed there: name it to have it sent from here",
    "busy": "is being sent by another process",
}


@click.command(
    epilog=examples("recipeline sync", "recipeline sync 1a2b3c4d")
    + "\n\nRUN is an id, a unique beginning of one, a run's name, or `last`."
)
@click.argument("run", metavar="[RUN]", required=False)
@json_option
def command(run: str | None, as_json: bool) -> int:
    """Send what runs of this folder could not, because no tracking server answered or they were killed.

    Each run keeps a journal until MLflow has all of it. What MLflow has already is not sent twice.
    """
    from recipeline.runner import work_folder
    from recipeline.sync import sync

    found = sync(work_folder() / "runs", run)
    if as_json:
        emit_json([document(each) for each in found])
    elif not found:
        echo("Nothing is left to send.")
    else:
        for each in found:
            echo(line(each))
            for trouble in each.troubles if each.outcome == "sent" else []:
                note(f"note: {each.run_id[:8]}: {trouble}")
    unsent = [each for each in found if each.outcome in ("away", "kept")]
    for each in unsent:
        note(
            f"the run {each.run_id[:8]} ({each.name}) is not all in {each.tracking_uri}: {'; '.join(each.troubles)}. "
            "It stays here. When the server answers: recipeline sync"
        )
    return EnvironmentFault.exit_code if unsent else 0


def line(settled: Settled) -> str:
    """What has become of one run, such as `sent  1a2b3c4d  census  FINISHED  40 metrics and the model`."""
    from recipeline.tracking.rows import in_words

    head = f"{settled.run_id[:8]}  {settled.name}  {settled.status}"
    if settled.outcome in WORDS:
        return f"{head}  {WORDS[settled.outcome]}"
    said = [f"sent {in_words(settled.sent)}"] if settled.sent else []
    said += [f"left {in_words(settled.left)}"] if settled.left else []
    said += [f"model {settled.model_uri}"] if settled.model_uri else []
    return f"{head}  {'; '.join(said) or 'sent'}"


def document(settled: Settled) -> dict[str, Any]:
    """The same for a machine: rows by number."""
    values = {each.name: getattr(settled, each.name) for each in dataclasses.fields(settled)}
    return values | {"sent": len(settled.sent), "left": len(settled.left)}
