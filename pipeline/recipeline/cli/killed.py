"""Give runs whose process was killed their status, before a command shows them as RUNNING."""

from __future__ import annotations

import os
from pathlib import Path

from recipeline.cli.output import note
from recipeline.errors import RecipelineError


def mark() -> None:
    """Mark the runs of this folder that were killed, and say so. Nothing that goes wrong in it stops a command."""
    runs = Path(os.environ.get("RECIPELINE_HOME", ".recipeline")).absolute() / "runs"
    if int(os.environ.get("LOCAL_RANK", "0")) > 0 or not any(runs.glob("*/alive")):
        return
    from recipeline.sync import mark_killed

    try:
        found = mark_killed(runs)
    except (RecipelineError, OSError) as error:
        note(f"note: a run that was killed could not be marked: {error}")
        return
    for each in found:
        if each.left:
            why = "; ".join(each.troubles)
            note(f"note: the run {each.run_id[:8]} ({each.name}) was killed; MLflow could not be told: {why}")
        elif each.killed:
            note(f"note: the run {each.run_id[:8]} ({each.name}) was killed, and is marked {each.status}")
