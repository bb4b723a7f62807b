"""Made-up targets, answers and states that the checks share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.plugin import with_nested
from recipeline.families.report import Report
from recipeline.families.spec import END, PADDING, SIGNS, TASKS, TargetSpec
from recipeline.testing.promises import holds

if TYPE_CHECKING:
    import torch

ROWS = 64
"""Rows of a made-up batch: enough that every code of a category occurs."""


SEQUENCE = TargetSpec("sequence", ("y",), (*SIGNS, "a", "b", "c"), longest=6)
"""A made-up target of up to six tokens."""


def targets_for(plugin: Loss | Metric | Report) -> list[TargetSpec]:
    """A made-up target for each task that the plugin is for, all of them where it names none."""
    tasks: set[str] = set(plugin.tasks or TASKS)
    for inner in with_nested(plugin)[1:]:
        tasks &= set(getattr(inner, "tasks", ()) or TASKS)
    unknown = sorted(tasks - set(TASKS))
    holds(not unknown, plugin, f"declares tasks that exist: {', '.join(TASKS)}", ", ".join(unknown))
    known = [
        TargetSpec("regression", ("y",)),
        TargetSpec("regression", ("y", "z")),
        TargetSpec("binary", ("y",), ("no", "yes"), (40, 24)),
        TargetSpec("multiclass", ("y",), ("a", "b", "c"), (30, 20, 14)),
        TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"), (30, 20, 14)),
        TargetSpec("forecasting", ("t+1", "t+2")),
        SEQUENCE,
    ]
    return [target for target in known if target.task in tasks and plugin.refuses(target.task) is None]


def truth_for(target: TargetSpec, rows: int, seed: int) -> torch.Tensor:
    """True answers for a batch, with every class in it where it has enough rows."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    if target.task == "sequence":
        codes = torch.randint(len(SIGNS), target.outputs, (rows, target.longest + 1), generator=generator)
        lengths = torch.randint(1, target.longest + 1, (rows, 1), generator=generator)
        places = torch.arange(target.longest + 1)
        return codes.masked_fill(places == lengths, END).masked_fill(places > lengths, PADDING)
    if target.is_classes:
        return torch.randperm(rows, generator=generator) % target.outputs
    values = torch.randn(rows, target.outputs, generator=generator)
    return (values > 0).float() if target.task == "multilabel" else values


def predicted(truth: torch.Tensor, target: TargetSpec) -> torch.Tensor:
    """Predictions that would be right if this were the truth, in the form that a metric gets."""
    import torch

    if target.task == "sequence":
        return truth
    if target.task == "binary":
        return 0.05 + 0.9 * truth.double()
    if target.task == "multiclass":
        return 0.05 + 0.85 * torch.nn.functional.one_hot(truth, target.outputs).double()
    return 0.05 + 0.9 * truth.double() if target.task == "multilabel" else truth.double()


def saved_and_loaded(state: Any) -> Any:
    """Through a checkpoint's file and back."""
    from recipeline.training.archive import planned, read

    buffer = io.BytesIO()
    planned(state).write(buffer)
    return read(buffer)
