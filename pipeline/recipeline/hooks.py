"""Every hook, on one screen, in the order in which a run calls them.

    recipeline_plugins                       once, when the catalog is made
    recipeline_run_started
      recipeline_stage_started               read, split, preprocess, build, fit, evaluate, report, package
        recipeline_callbacks                 in `build`
      recipeline_stage_finished
    recipeline_run_finished                  also after a failure

A plugin may implement any of them with `@recipeline.hookimpl`, taking only the arguments that it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from recipeline.families.plugin import Plugin, PluginReference

if TYPE_CHECKING:
    from pytorch_lightning import Callback

PROJECT = "recipeline"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(slots=True)
class RunContext:
    """What the hooks are told of the run under way."""

    recipe: Any
    """The recipe (`recipeline.recipe.model.Recipe`), defaults filled in as far as they are known."""
    folder: Path
    """The run's own folder on this machine."""
    run_id: str | None = None
    """MLflow's id of the run; None on the other ranks of a distributed training."""
    metrics: dict[str, float] = field(default_factory=dict)
    """The numbers that a run has once, as far as they are known."""


@hookspec
def recipeline_plugins() -> Sequence[type[Plugin] | PluginReference]:  # type: ignore[empty-body]
    """The plugins that this distribution brings: classes, or references that are imported when named."""


@hookspec
def recipeline_run_started(run: RunContext) -> None:
    """The MLflow run is open; nothing has been read yet."""


@hookspec
def recipeline_stage_started(stage: str, run: RunContext) -> None:
    """A stage is about to begin."""


@hookspec
def recipeline_callbacks(run: RunContext) -> Sequence[Callback]:  # type: ignore[empty-body]
    """Lightning callbacks for the trainer, without being named in the recipe."""


@hookspec
def recipeline_stage_finished(stage: str, run: RunContext, seconds: float) -> None:
    """A stage has ended well."""


@hookspec
def recipeline_run_finished(run: RunContext, status: str) -> None:
    """The run has ended: FINISHED, FAILED or KILLED. The MLflow run is still open."""
