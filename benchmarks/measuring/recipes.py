"""`recipeline run` as a contestant: a recipe in a folder, the stopwatch plugged in, progress on a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.programs import CONTESTANTS, RECIPELINE, Finished, run

SMALL_TABLE = """\
name: small_table
seed: 1
data:
  source: {type: parquet, path: table.parquet}
  target: label
  split: {type: column, column: part, values: {train: [train], validation: [validation]}}
preprocessing: []
architecture: {type: mlp, hidden: [64, 64]}
optimizer: {type: adam, lr: 0.001}
regularization:
  - {type: early_stopping, monitor: val/loss, patience: 1000}
metrics: [accuracy]
training: {epochs: 5, batch_size: 256, accelerator: cpu, devices: 1, threads: 1}
"""


def plugged(folder: Path) -> dict[str, str]:
    """The environment in which the benchmarks' own distribution is installed; its metadata goes into the folder."""
    metadata = folder / "plugged" / "benchmark_plugins-0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: benchmark-plugins\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[recipeline]\nbenchmark = benchmark_plugins\n")
    before = os.environ.get("PYTHONPATH")
    path = [str(metadata.parent), str(CONTESTANTS), *([before] if before else [])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def run_recipe(
    recipe: str,
    folder: Path,
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    memory: bool = False,
    before: Sequence[str] = (),
) -> Finished:
    """`recipeline run`, timed from outside and, epoch by epoch, by the stopwatch.

    Args:
        recipe: The recipe's text; paths in it start at the folder.
        folder: Where it runs, with its store and its cache, as long as they are left there.
        overrides: As on the command line.
        environment: Further variables.
        memory: Whether to look at the memory.
        before: Words before the command, such as those that limit its memory.

    Raises:
        Failed: it did not end well.
    """
    (folder / "recipe.yaml").write_text(recipe)
    epochs = folder / "epochs.json"
    epochs.unlink(missing_ok=True)
    finished = run(
        [*before, RECIPELINE, "run", "recipe.yaml", "--json", *overrides],
        folder=folder,
        environment={**plugged(folder), "BENCHMARK_EPOCHS": str(epochs), **(environment or {})},
        memory=memory,
        terminal=True,
    )
    finished.result = json.loads(finished.output)["metrics"] | json.loads(epochs.read_text())
    return finished
