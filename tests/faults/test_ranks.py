"""A process of a distributed training that is killed: all others end, the run says which, and it goes on exactly."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from mlflow import MlflowClient

from recipeline.tracking import store
from recipeline.training.archive import read

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for children")]

RECIPE = """
name: iris
seed: 4
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [16], dropout: 0.2, normalization: batch}
scheduler: cosine
reports: []
training: {epochs: 40, batch_size: 4, accelerator: cpu, devices: 2, strategy: ddp, threads: 1, checkpoint: {epochs: 1}}
"""
# What is asked here is the training; the model that is logged is asked for elsewhere.
COMMAND = """
import os, signal, sys
from pathlib import Path

import pytorch_lightning as pl

from recipeline import hookimpl, runner
from recipeline.catalog import installed
from recipeline.cli.main import main


class Spoil(pl.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_rank == 1 and trainer.global_step == int(os.environ["SPOIL_AT"]):
            batch[0][0][1, 2] = float(os.environ["SPOIL_WITH"])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        Path(f"steps-{trainer.global_rank}").write_text(str(trainer.global_step))


class Kill(pl.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        done = trainer.current_epoch * trainer.num_training_batches + batch_idx
        if trainer.global_rank == 0 and done == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)


class Plugin:
    @hookimpl
    def recipeline_callbacks(self, run):
        return [Spoil() if "SPOIL_AT" in os.environ else Kill()]


if "SPOIL_AT" in os.environ or "KILL_AT" in os.environ:
    installed().manager.register(Plugin())
runner.STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")
sys.exit(main())
"""
BY_THE_CLOCK = ("train/examples_per_second", "time/", "system/")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "iris.yaml").write_text(RECIPE)
    (folder / "command.py").write_text(COMMAND)
    store.create_store(f"sqlite:///{folder}/mlflow.db")
    return folder


@pytest.fixture(scope="module")
def expected(work):
    """What the run comes to that nobody disturbs."""
    process = start(work, "run", "iris.yaml", "name=whole")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    run, found = outcome(work, "whole")
    assert run.info.status == "FINISHED"
    return found


def start(work, *arguments, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RECIPELINE_"))}
    kept |= {"MLFLOW_DISABLE_TELEMETRY": "true"} | variables
    return subprocess.Popen(
        [sys.executable, "command.py", *arguments], cwd=work, env=kept,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def outcome(work, name):
    """The run, and all of it that must not depend on whether a process was killed."""
    client = MlflowClient(f"sqlite:///{work}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments, f"attributes.run_name = '{name}'")
    metrics = {
        key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
        if not key.startswith(BY_THE_CLOCK)
    }
    held = {}
    for file in ("best.ckpt", "last.ckpt"):
        path = f"{run.info.artifact_uri.removeprefix('file://')}/checkpoints/{file}"
        if os.path.exists(path):  # noqa: PTH110 - a text
            found = read(io.BytesIO(Path(path).read_bytes()))
            held[file] = {key: found[key] for key in ("epoch", "state_dict", "optimizer_states", "lr_schedulers")}
    held = torch.utils._pytree.tree_map(
        lambda value: value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value), held
    )
    return run, {"metrics": metrics, "checkpoints": held, "params": run.data.params}


def other_rank(process):
    """The further process, as soon as there is one."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        for child in psutil.Process(process.pid).children():
            try:
                if child.environ().get("LOCAL_RANK") == "1":
                    return child
            except (psutil.Error, OSError):
                continue
        time.sleep(0.02)
    raise AssertionError("there is no further process")


def wait_for_epoch(process, number):
    for line in process.stderr:
        if re.match(rf"epoch +{number}/", line):
            return
    raise AssertionError("it has ended before")


@pytest.mark.parametrize("victim", ["second", "first", "second, before it has joined"])
def test_a_killed_process_ends_the_run_which_says_so_and_goes_on_exactly(victim, work, expected, request, counted):
    name = f"killed: {victim}"
    process = start(work, "run", "iris.yaml", f"name={name}")
    request.addfinalizer(lambda: (process.kill(), process.communicate()))
    other = other_rank(process)
    if "joined" not in victim:
        wait_for_epoch(process, random.Random(victim).randrange(3, 12))
    (process if victim == "first" else other).send_signal(signal.SIGKILL)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    code = process.returncode
    limit = began + 20
    while other.is_running() and other.status() != psutil.STATUS_ZOMBIE and time.monotonic() < limit:
        time.sleep(0.02)
    ended = time.monotonic() - began
    assert ended < 20
    assert not other.is_running() or other.status() == psutil.STATUS_ZOMBIE
    if victim == "first":
        assert code == -signal.SIGKILL
        said = "process 1 of 2 (rank 0) was ended from outside, by SIGKILL, a lack of memory or the like"
        pid = process.pid
        while (found := outcome(work, name)[0]).info.status == "RUNNING" and time.monotonic() < began + 30:
            time.sleep(0.3)
        assert time.monotonic() - began < 20
    else:
        assert code == 4, err
        said, pid = "process 2 of 2 (rank 1) was ended by SIGKILL", other.pid
        assert f"{said}, and the others can't go on without it (found pid {pid})" in err
        assert "recipeline resume" in err
        assert "Traceback" not in err
        found = outcome(work, name)[0]
    assert found.info.status == "FAILED"
    assert found.data.tags["recipeline.outcome"] == "failed"
    assert f"{said}, and the others can't go on without it (found pid {pid})" in found.data.tags["recipeline.error"]
    assert f"recipeline resume {found.info.run_id[:8]}" in found.data.tags["recipeline.error"]
    again = start(work, "resume", name, "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert json.loads(out)["run_id"] == found.info.run_id
    run, got = outcome(work, name)
    assert run.info.status == "FINISHED"
    assert got["checkpoints"].keys() == {"best.ckpt", "last.ckpt"}
    assert got == expected
    counted(f"rank killed ({victim}): all ended after {ended:.1f} s, {found.info.status}, resumed to the same bytes")


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        (["training.checkpoint={epochs: null, steps: 9}"], 45),
        # Gradients wait at such a moment, of each process its own.
        (["training.checkpoint={minutes: 0.00001}", "training.accumulate=4", "architecture.dropout=0.5"], 13),
    ],
    ids=["by steps", "with waiting gradients"],
)
def test_a_run_goes_on_exactly_in_the_middle_of_an_epoch(settings, step, work, request):
    short = ["training.epochs=5", *settings]
    name = f"middle, {step}"
    process = start(work, "run", "iris.yaml", f"name=whole {name}", *short)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    process = start(work, "run", "iris.yaml", f"name={name}", *short, KILL_AT="45")
    request.addfinalizer(lambda: (process.kill(), process.communicate()))
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    again = start(work, "resume", name)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert f"going on after epoch 3, optimizer step {step}, from " in err  # of 13 batches an epoch
    run, got = outcome(work, name)
    assert run.info.status == "FINISHED"
    assert got == outcome(work, f"whole {name}")[1]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_not_finite_on_one_process_stops_both_within_the_step(value, work):
    name, step = f"spoiled by {value}", random.Random(value).randrange(2, 20)
    process = start(work, "run", "iris.yaml", f"name={name}", SPOIL_AT=str(step), SPOIL_WITH=value)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    said = "process 2 of 2 (rank 1): the loss is no longer a finite number at epoch "
    assert said in err
    assert f"optimizer step {step + 1}, row" in err
    assert "found first in the batch's input" in err
    run, _ = outcome(work, name)
    assert run.info.status == "FAILED"
    assert said in run.data.tags["recipeline.error"]
    assert [(work / f"steps-{rank}").read_text() for rank in (0, 1)] == [str(step), str(step)]


def test_a_step_that_one_process_must_leave_out_is_left_out_by_all(work):
    process = start(
        work, "run", "iris.yaml", "name=left out", "training.on_nonfinite=skip", "training.epochs=2",
        "architecture.normalization=none", SPOIL_AT="5", SPOIL_WITH="nan",
    )  # fmt: skip
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    run, _ = outcome(work, "left out")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train/skipped_steps"] == 1
