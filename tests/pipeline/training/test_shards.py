"""Two processes and few rows: nobody waits forever, and the metrics are those of one process.

The numbers may differ by the order in which they are added up: a shard's rows are another batch, so that matrix
products and sums round otherwise. Single precision has 7 digits; 1e-6 of a value, or of 1, is what is allowed.
"""

import json
import math
import os
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, sys
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger

from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import make_trainer

torch.set_num_threads(1)
rank = int(os.environ["RANK"])
names, numbers = sys.argv[1].split(","), [int(word) for word in sys.argv[2].split(",")]


def numbers_of(trainer):
    return {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith(("val/", "test/"))}


def trained(name, rows, *overrides, weights=None):
    recipe = load_recipe(Path(f"{name}.yaml"), [f"data.source.path={name}-{rows}.csv", *overrides])
    datamodule = RecipeDataModule(recipe, Path(f"cache-{rank}"), complete)
    recipe = datamodule.recipe if datamodule.data else None
    pl.seed_everything(recipe.seed, verbose=False)
    module = TrainingModule(recipe, datamodule.data)
    module.configure_model()
    folder = Path(f"{name}-{rows}-{len(overrides)}")
    trainer = make_trainer(recipe, folder=folder, logger=DummyLogger(), observer=Observer())
    with as_it_was():
        if weights is None:
            trainer.fit(module, datamodule=datamodule, weights_only=True)
            found = numbers_of(trainer)
        else:
            module.load_state_dict(weights)
            trainer.validate(module, datamodule=datamodule, verbose=False)
            found = numbers_of(trainer)
        trainer.test(module, datamodule=datamodule, verbose=False)
    return module.state_dict(), found | numbers_of(trainer)


cases = [(name, rows) for name in names for rows in numbers]
together = {case: trained(*case, "training.devices=2", "training.strategy=ddp") for case in cases}
torch.distributed.destroy_process_group()
for variable in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                 "TORCHELASTIC_RUN_ID", "GROUP_RANK"):
    os.environ.pop(variable, None)
print(json.dumps([
    [*case, found, trained(*case, weights=weights)[1] if rank == 0 else found]
    for case, (weights, found) in together.items()
]))
"""
NUMBERS = """
name: numbers
data:
  source: {type: csv, path: x.csv}
  target: y
  task: regression
  columns: {part: ignore}
  split: {type: column, column: part}
preprocessing: []
architecture: {type: mlp, hidden: [4], normalization: NORMALIZATION}
metrics: [mae, rmse, r2, pinball]
training: {epochs: 1, batch_size: 4, accelerator: cpu, threads: 1, on_nonfinite: skip}
"""
WORDS = """
name: words
data:
  source: {type: csv, path: x.csv}
  target: y
  task: multiclass
  columns: {part: ignore}
  split: {type: column, column: part}
preprocessing: []
architecture: {type: mlp, hidden: [4], normalization: batch}
metrics: [accuracy, f1, roc_auc, average_precision, log_loss, brier, matthews]
training: {epochs: 1, batch_size: 4, accelerator: cpu, threads: 1, on_nonfinite: skip}
"""


def table(kind, rows):
    """A CSV with so many rows in each part; of words the train part has twelve, all three words among them."""
    lines = ["a,b,part,y"]
    for part in ("train", "validation", "test"):
        for row in range(10 if kind == "words" and part == "train" else rows):
            a, b = math.sin(3 * row + len(part)), math.cos(5 * row)
            y = "xyz"[row % 3] if kind == "words" else f"{a - 2 * b * b:.4f}"
            lines.append(f"{a:.4f},{b:.4f},{part},{y}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "rows", [(1, 2, 5), pytest.param(tuple(range(1, 51)), marks=pytest.mark.faults)], ids=["few", "1 to 50"]
)
def test_two_processes_measure_what_one_does(rows, tmp_path, counted):
    (tmp_path / "numbers.yaml").write_text(NUMBERS.replace("NORMALIZATION", "none"))
    (tmp_path / "words.yaml").write_text(WORDS)
    for kind in ("numbers", "words"):
        for number in rows:
            (tmp_path / f"{kind}-{number}.csv").write_text(table(kind, number))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "none"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, "numbers,words", ",".join(map(str, rows))]
    processes = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        said = [process.communicate(timeout=60 + 10 * len(rows)) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (_, err) in zip(processes, said, strict=True):
        assert process.returncode == 0, err
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in said)
    assert len(first) == 2 * len(rows)
    furthest = 0.0
    for (kind, number, together, alone), (*_, elsewhere, _) in zip(first, second, strict=True):
        assert together.keys() == alone.keys() == elsewhere.keys()
        assert len(together) == (10 if kind == "numbers" else 16)
        for key in together:
            what = f"{kind} {number} {key}"
            assert elsewhere[key] == pytest.approx(together[key], rel=1e-12, nan_ok=True), what
            assert together[key] == pytest.approx(alone[key], rel=1e-6, abs=1e-6, nan_ok=True), what
            if math.isfinite(alone[key]):
                furthest = max(furthest, abs(together[key] - alone[key]) / max(1.0, abs(alone[key])))
    counted(f"{len(rows)} sizes of parts on two processes, metrics within {furthest:.1e} of those of one process")
