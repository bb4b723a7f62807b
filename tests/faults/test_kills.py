"""SIGKILL at random moments: a run that goes on ends with the bytes of one that was never stopped.

Weights, optimizer state, schedules, best choice and every metric in MLflow. The processes are real ones, forked from
one that has imported everything, so that a kill costs a second instead of ten.
"""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from recipeline.training.archive import read

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

KILLS = int(os.environ.get("RECIPELINE_KILLS_EACH", "5"))
"""Runs that are killed once, of each of the eight recipes."""
IN_A_ROW = 10
"""Kills of one run."""
BY_THE_CLOCK = ("train/examples_per_second", "time/", "system/")

VICTIMS = """
import json, os, sys
import mlflow.store.tracking.sqlalchemy_store, pytorch_lightning, sklearn.datasets, torch, torchmetrics
from recipeline import resuming, runner
from recipeline.cli.main import main
from recipeline.stages import build, evaluate, fit, preprocess, read, split
from recipeline.tracking import record, run

# What is asked here is the training; and the small process beside each run would only compete for the processor.
runner.STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")
run.TrackedRun.watch_over = lambda self: None
for line in sys.stdin:
    call = json.loads(line)
    pid = os.fork()
    if pid == 0:
        said = os.open(call["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1), os.dup2(said, 2)
        os._exit(main(call["arguments"]))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
os._exit(0)  # taking all of these libraries down takes seconds
"""

BASE = """
seed: 5
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [16, 8], dropout: 0.2}
training: {epochs: 24, batch_size: 8, accelerator: cpu, checkpoint: {epochs: 1}}
"""
RECIPES = {
    "workers": ["training.workers=2", "training.checkpoint.steps=5"],
    "several": ["training.steps_per_call=5", "training.checkpoint.steps=4"],
    "accumulated": ["training.accumulate=3", "training.steps_per_call=4", "training.checkpoint.steps=3",
                    "scheduler={type: one_cycle, warmup_epochs: 2}"],
    "plateau": ["scheduler={type: plateau, patience: 1, factor: 0.7}", "architecture.normalization=batch",
                "training.checkpoint={epochs: 3}"],
    "stopped_early": ["regularization=[{type: early_stopping, patience: 4}, l2]", "optimizer={type: sgd, lr: 0.2}",
                      "scheduler={type: cosine, warmup_epochs: 2.5}"],
    "mixed": ["regularization=[mixup, noise, label_smoothing, {type: gradient_noise, eta: 0.05}]",
              "training.checkpoint={epochs: null, steps: 7}"],
    "averaged": ["regularization=[{type: weight_averaging, start: 5}, {type: gradient_clip, max: 0.5}]",
                 "training.steps_per_call=1", "training.checkpoint={steps: 20}", "scheduler=exponential"],
    "sharp": ["regularization=[sharpness_aware]", "training.accumulate=1", "optimizer=lion",
              "training.checkpoint={minutes: 0.003}", "scheduler={type: cosine_restarts, first: 7}"],
}  # fmt: skip


class Victims:
    """Starts commands in processes of their own, and kills some of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RECIPELINE_"))}
        environment |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.parent = subprocess.Popen(
            [sys.executable, "-c", VICTIMS],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.client = MlflowClient(f"sqlite:///{folder}/mlflow.db")

    def call(self, *arguments: str, kill_after_s: float | None = None) -> str | None:
        """What the command said; None when it was killed, so many seconds after its training began."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        said = self.folder / "said.txt"
        said.write_text("")
        print(json.dumps({"arguments": arguments, "said": str(said)}), file=self.parent.stdin, flush=True)
        pid = int(self.parent.stdout.readline())
        if kill_after_s is not None:
            while "\nbuild " not in said.read_text() and "Error" not in said.read_text():
                time.sleep(0.002)
            time.sleep(kill_after_s)
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(pid, signal.SIGKILL)
        status = int(self.parent.stdout.readline())
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        # A process may be killed when its run's last status is written already.
        finished = "has finished: there is nothing left to do in it" in said.read_text()
        assert os.waitstatus_to_exitcode(status) == (2 if finished else 0), said.read_text()
        return said.read_text()

    def run_id(self, name: str) -> str:
        """The id of the newest run of this name."""
        experiments = [each.experiment_id for each in self.client.search_experiments()]
        found = self.client.search_runs(experiments, f"attributes.run_name = '{name}'", max_results=1)
        return str(found[0].info.run_id)

    def outcome(self, run_id: str) -> dict[str, Any]:
        """All that must not depend on whether the run was killed."""
        run = self.client.get_run(run_id)
        metrics = {
            key: [(m.step, m.value) for m in self.client.get_metric_history(run_id, key)]
            for key in run.data.metrics
            if not key.startswith(BY_THE_CLOCK)
        }
        held: dict[str, Any] = {}
        for name in ("best.ckpt", "last.ckpt"):
            path = Path(run.info.artifact_uri.removeprefix("file://"), "checkpoints", name)
            found = read(io.BytesIO(Path(path).read_bytes()))
            keys = ("epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers")
            held[name] = {key: found[key] for key in keys}
            if name == "last.ckpt":
                held["generators"] = found["recipeline"]["processes"]
        return {
            "status": run.info.status,
            "params": run.data.params,
            "metrics": metrics,
            "checkpoints": torch.utils._pytree.tree_map(
                lambda value: value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value), held
            ),
        }


@pytest.fixture(scope="module")
def victims(tmp_path_factory) -> Iterator[Victims]:
    folder = tmp_path_factory.mktemp("kills")
    made = Victims(folder)
    yield made
    assert made.parent.stdin is not None
    made.parent.communicate(timeout=30)


@pytest.fixture
def whole(victims: Victims) -> Callable[[str], tuple[Path, dict[str, Any], float]]:
    """The recipe's file, what the run comes to that nobody stops, and how long it trains."""

    def make(name: str) -> tuple[Path, dict[str, Any], float]:
        path = victims.folder / f"{name}.yaml"
        path.write_text(f"name: whole-{name}\n{BASE}")
        victims.call("run", path.name, *RECIPES[name])
        run_id = victims.run_id(f"whole-{name}")
        seconds = victims.client.get_run(run_id).data.metrics["time/fit_seconds"]
        return path, victims.outcome(run_id), seconds

    return make


@pytest.mark.parametrize("name", RECIPES)
def test_a_kill_at_a_random_moment_changes_nothing(name, victims, whole, counted):
    path, expected, seconds = whole(name)
    assert expected["status"] == "FINISHED"
    lot = random.Random(f"{name}-2026")
    killed = tries = 0
    while killed < KILLS:
        tries += 1
        assert tries < 5 * KILLS, "it ends before it can be killed"
        called = f"{name}-{tries}"
        moment = lot.uniform(0, seconds)
        if victims.call("run", path.name, *RECIPES[name], f"name={called}", kill_after_s=moment) is not None:
            continue  # it was quicker this time
        if victims.client.get_run(victims.run_id(called)).info.status == "FINISHED":
            continue  # but for its process's end
        killed += 1
        said = victims.call("resume", called)
        assert said is not None
        assert victims.outcome(victims.run_id(called)) == expected, f"killed after {moment:.2f} s:\n{said}"
    counted(f"{name}: {killed} of {killed} killed runs resumed to the same bytes")


@pytest.mark.parametrize("name", ["several", "mixed", "averaged", "accumulated", "sharp"])
def test_ten_kills_in_a_row_change_nothing(name, victims, whole, counted):
    path, expected, seconds = whole(name)
    lot = random.Random(f"{name}-in-a-row")
    called = f"{name}-again"
    command = ["run", path.name, *RECIPES[name], f"name={called}"]
    killed = 0
    while killed < IN_A_ROW:
        if victims.call(*command, kill_after_s=lot.uniform(0, seconds / 12)) is not None:
            break
        killed += 1
        command = ["resume", called]
    assert killed == IN_A_ROW, "it ended before"
    assert victims.call("resume", called) is not None
    assert victims.outcome(victims.run_id(called)) == expected
    counted(f"{name}: {killed} kills in a row, the same bytes")
