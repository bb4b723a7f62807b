"""A plugin that no recipe names: it keeps a diary of every run, in the file that ACME_DIARY names."""

from __future__ import annotations

import os
from pathlib import Path

from recipeline import RunContext, hookimpl


def note(line: str) -> None:
    """Append a line."""
    if path := os.environ.get("ACME_DIARY"):
        with Path(path).open("a") as diary:
            diary.write(line + "\n")


@hookimpl
def recipeline_run_started(run: RunContext) -> None:
    """The first line."""
    note(f"run {run.run_id} started: {run.recipe.name}")


@hookimpl
def recipeline_stage_started(stage: str) -> None:
    """A line before each stage. A hook takes only the arguments that it uses."""
    note(f"{stage} started")


@hookimpl
def recipeline_stage_finished(stage: str, seconds: float) -> None:
    """A line after each stage."""
    note(f"{stage} finished" if seconds >= 0 else f"{stage} went back in time")


@hookimpl
def recipeline_run_finished(run: RunContext, status: str) -> None:
    """The last line."""
    note(f"run {run.run_id} ended: {status}")
