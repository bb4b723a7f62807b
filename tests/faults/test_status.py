"""The status of runs that are killed, ended by signals, or queued again, as MLflow has it afterwards.

RECIPELINE_KILLS says how many runs are killed at random moments: 20 if it says nothing.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from recipeline.tracking import store

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("RECIPELINE_KILLS", "20"))
RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
reports: []
training: {epochs: 100000, batch_size: 16, accelerator: cpu, threads: 1, checkpoint: {epochs: 5}}
"""


@pytest.fixture
def begun(tmp_path):
    """Starts a run and waits until it trains; the process, and what it is called with."""
    (tmp_path / "iris.yaml").write_text(RECIPE)
    store.create_store(f"sqlite:///{tmp_path}/mlflow.db")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "SLURM_"))}

    def begin(*overrides, training=True, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", "recipeline", "run", "iris.yaml", *overrides],
            cwd=tmp_path, env=kept | {"MLFLOW_DISABLE_TELEMETRY": "true"} | variables,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in process.stderr if training else ():
            if line.startswith("epoch"):
                break
        return process

    return begin


def runs_of(folder):
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client.search_runs([each.experiment_id for each in client.search_experiments()])


def sync(folder, *arguments, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "recipeline", "sync", "--json", *arguments]
    return subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True, check=False)


def test_killed_runs_are_marked_within_half_a_minute_and_living_ones_never(begun, tmp_path):
    draw = random.Random(1)
    living = begun("name=living")
    late = []
    for number in range(KILLS):
        process = begun(f"name=killed-{number}")
        time.sleep(draw.random())
        process.kill()
        process.communicate()
        limit = time.monotonic() + 30
        while True:
            (run,) = [run for run in runs_of(tmp_path) if run.info.run_name == f"killed-{number}"]
            if run.info.status != "RUNNING" or time.monotonic() > limit:
                break
            time.sleep(0.3)
        assert run.info.status == "KILLED", number
        assert run.data.tags["recipeline.outcome"] == "killed"
        late.append(30 - (limit - time.monotonic()))
        sync(tmp_path)
        (alive,) = [run for run in runs_of(tmp_path) if run.info.run_name == "living"]
        assert alive.info.status == "RUNNING"
    print(f"{KILLS} of {KILLS} marked, after {max(late):.1f} s at most; the living one never")
    living.kill()
    living.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_no_server_answers_is_told_later(number, code, begun, tmp_path):
    process = begun(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "the status KILLED could not be sent" in err
    (folder,) = (tmp_path / ".recipeline" / "runs").iterdir()
    assert sorted((folder / "checkpoints").glob("[0-9]*.ckpt"))
    done = sync(tmp_path, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/mlflow.db")
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(tmp_path)
    assert run.info.status == "KILLED"
    assert run.data.metrics["val/loss"] > 0


def test_a_job_whose_time_is_up_is_queued_again_and_goes_on_in_its_run(begun, tmp_path):
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    program.chmod(0o755)
    job = {"SLURM_JOB_ID": "4711", "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    process = begun("training.epochs=400", **job)
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 138, err
    assert (tmp_path / "called").read_text() == "requeue 4711\n"
    assert "the job 4711 is queued again, and will go on in this run" in err
    (run,) = runs_of(tmp_path)
    assert run.info.status == "KILLED"
    again = begun("training.epochs=400", "--json", training=False, SLURM_RESTART_COUNT="1", **job)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "going on after epoch" in err
    assert json.loads(out)["run_id"] == run.info.run_id
    (run,) = runs_of(tmp_path)
    assert run.info.status == "FINISHED"
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "val/loss")]
    assert steps == list(range(1, 401))
    assert not Path(tmp_path / ".recipeline" / "runs" / run.info.run_id).exists()
