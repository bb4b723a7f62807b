"""What a run of a recipe would do: its stages, plugins, cache hits, shapes and parameters, without training."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline import secrecy
from recipeline.catalog import Catalog, installed
from recipeline.families.plugin import Plugin
from recipeline.hooks import RunContext
from recipeline.recipe.model import Recipe
from recipeline.runner import work_folder
from recipeline.stages import preprocess, read, split
from recipeline.stages.job import Job

if TYPE_CHECKING:
    from recipeline.data.prepared import PreparedData
    from recipeline.data.read import Table

SHOWN = 3
"""Reasons for a miss in the cache."""
MAX_SHOWN = 60
"""Characters of a setting's value."""


@dataclass(frozen=True, slots=True)
class PlannedPlugin:
    """A plugin that the run would use."""

    family: str
    name: str
    settings: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, as text and numbers."""

    title: str
    stages: list[tuple[str, str]]
    plugins: list[PlannedPlugin]
    notes: list[str]
    task: str
    rows: dict[str, int]
    features: int
    outputs: int
    parameters: int
    cache: dict[str, bool]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a machine to read."""
        return asdict(self)


def plan(recipe: Recipe) -> Plan:
    """Prepare the data (from the cache where it can), build the network, and say what a run would do."""
    from recipeline.network import build_network
    from recipeline.training.batch_size import found_batch_size
    from recipeline.training.observer import Observer
    from recipeline.training.threads import parameters, threads_for
    from recipeline.training.trainer import monitored

    notes: list[str] = []

    class Listener(Observer):
        def note(self, text: str) -> None:
            notes.append(text)

    home = work_folder()
    catalog = installed()
    job = Job(recipe, catalog, Path(), home / "cache", Listener(), RunContext(recipe, Path()))
    for stage in (read, split, preprocess):
        stage.run(job)
    assert job.datamodule is not None
    full, data, table = job.recipe, job.data, job.datamodule.table
    network = build_network(full, data.inputs, data.target)
    rows = {part: len(arrays) for part, arrays in data.parts.items()}
    size, automatic = full.training.batch_size, ""
    if size == "auto":
        found = found_batch_size(full, data)
        size, automatic = found.size, f" ({found.because})"
    elif size == "full":
        size = rows["train"]
    steps = -(-rows["train"] // size)
    monitor, mode = monitored(full)
    count = parameters(network)
    still = sum(p.numel() for p in network.parameters()) - count
    frozen = f" and {still:,} frozen ones" if still else ""
    source, task = full.redact(full.data.source.location()), data.target.task
    judged = "test" if "test" in rows else "validation"
    outputs = _many(data.target.outputs, "output")
    threads = _threads(full, threads_for(network, data.inputs, size, data.target))
    stages = [
        ("read", f"{source}: {table.rows:,} rows, {len(table.roles)} columns; {_cached(table)}"),
        ("split", ", ".join(f"{part} {number:,}" for part, number in rows.items())),
        ("preprocess", f"{_steps(full)} -> {_shape(data.inputs)}; {_cached(data)}"),
        ("build", f"{full.architecture.plugin_name}, {_many(count, 'parameter')}{frozen}, {outputs} ({task})"),
        ("fit", f"{_many(full.training.epochs, 'epoch')} of {_many(steps, 'batch')} of {size:,}{automatic}; {threads}"),
        ("evaluate", f"the epoch with the {mode}imum {monitor}, on the {judged} part"),
        ("report", ", ".join(report.plugin_name for report in full.reports or []) or "none"),
        ("package", "the model for raw rows, loaded back and compared"),
    ]
    return Plan(
        title=f"{full.name}: what a run would do",
        stages=stages,
        plugins=[_planned(plugin, catalog) for plugin in full.plugins()],
        notes=notes,
        task=data.target.task,
        rows={str(part): number for part, number in rows.items()},
        features=data.inputs.numeric + len(data.inputs.cardinalities),
        outputs=data.target.outputs,
        parameters=count,
        cache={"table": table.cache_hit, "arrays": data.cache_hit},
    )


def _cached(made: Table | PreparedData) -> str:
    """Whether it was in the cache, and what is new about it where something like it was."""
    if made.cache_hit:
        return "in the cache"
    more = f" and {len(made.changed) - SHOWN} more" if len(made.changed) > SHOWN else ""
    why = f" (other than there: {', '.join(made.changed[:SHOWN])}{more})" if made.changed else ""
    return f"not in the cache before{why}, kept there now"


def _planned(plugin: Plugin, catalog: Catalog) -> PlannedPlugin:
    owner = catalog.owner(plugin)
    settings = {key: value for key, value in plugin.as_recipe().items() if key != "type"}
    text = ", ".join(f"{key}: {_short(value)}" for key, value in settings.items() if value is not None)
    return PlannedPlugin(plugin.family, plugin.plugin_name, text, owner.distribution, owner.version)


def _short(value: Any) -> str:
    """A setting's value as a recipe has it, on one line."""
    text = secrecy.hide(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _many(count: int, what: str) -> str:
    plural = "batches" if what == "batch" else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"


def _steps(recipe: Recipe) -> str:
    return ", ".join(step.plugin_name for step in recipe.preprocessing or []) or "no steps"


def _shape(inputs: Any) -> str:
    shapes = [(kind, " x ".join(map(str, block.shape))) for kind, block in inputs.blocks.items()]
    return ", ".join(f"{kind} {shape}" for kind, shape in shapes if shape != "0")


def _threads(recipe: Recipe, automatic: int) -> str:
    count = automatic if recipe.training.threads == "auto" else recipe.training.threads
    return f"accelerator {recipe.training.accelerator}, {_many(count, 'CPU thread')}"
