"""Whole runs as commands, whose store is not there, goes away, refuses, or is wanted by others at the same time."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from recipeline.training.kept import to_log

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
reports: []
training: {epochs: 6, batch_size: 16, accelerator: cpu, threads: 1}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "iris.yaml").write_text(RECIPE)
    return tmp_path


def command(*overrides):
    return [sys.executable, "-m", "recipeline", "run", "iris.yaml", "--json", *overrides]


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true"} | more


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def runs_in(database):
    client = MlflowClient(f"sqlite:///{database}")
    return client.search_runs([each.experiment_id for each in client.search_experiments()])


def test_a_server_that_is_not_there_ends_the_command_at_once(folder):
    began = time.monotonic()
    address = f"http://127.0.0.1:{free_port()}"
    asked = environment(MLFLOW_TRACKING_URI=address)
    done = subprocess.run(command(), cwd=folder, env=asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert f"no MLflow server answers at {address}: connection refused." in done.stderr
    assert "Check the server and MLFLOW_TRACKING_URI" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 30


def test_a_server_that_never_answers_ends_the_command_soon(folder):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        asked = environment(MLFLOW_TRACKING_URI=address)
        done = subprocess.run(command(), cwd=folder, env=asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert f"the MLflow store {address} does not work" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def server(folder, empty_store):
    """`mlflow server` in a process group of its own, and its address."""
    shutil.copyfile(empty_store, folder / "server.db")
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", "sqlite:///server.db", "--artifacts-destination", "./kept"),
        ],
        cwd=folder,
        # `mlflow server` calls uvicorn by its name.
        env=environment(
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        ),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        limit = time.monotonic() + 90
        while True:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_server_that_goes_away_costs_no_training(folder, server):
    process, address = server
    asked = environment(MLFLOW_TRACKING_URI=address)
    with subprocess.Popen(
        command(), cwd=folder, env=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert run.stdout is not None
        for line in run.stderr:
            if line.startswith("epoch"):
                os.killpg(process.pid, signal.SIGKILL)
                break
        said = run.stderr.read()
        result = json.loads(run.stdout.read())
        assert run.wait(timeout=120) == 0, said
    assert "Traceback" not in said
    assert f"note: the model could not be logged: no MLflow server answers at {address}" in said
    assert "metrics, params or tags could not be sent" in said
    assert "checkpoints/best.ckpt" in said
    assert "the run's status FINISHED could not be set" in said
    kept = folder / ".recipeline" / "runs" / result["run_id"]
    assert f"what this run has made is kept in {kept}" in said
    assert to_log(kept / "checkpoints")["best.ckpt"].exists()
    assert result["status"] == "FINISHED"
    assert result["metrics"]["test/loss"] > 0
    assert (Path(result["model_uri"]) / "MLmodel").is_file()


def test_a_place_for_models_that_refuses_fails_the_run(folder, empty_store):
    shutil.copyfile(empty_store, folder / "mlflow.db")
    (folder / "occupied").write_text("a file where MLflow would make a folder")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.create_experiment("iris", artifact_location=(folder / "occupied").as_uri())
    done = subprocess.run(
        command(), cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "the model could not be logged" in done.stderr
    assert "Traceback" not in done.stderr
    (run,) = runs_in(folder / "mlflow.db")
    assert run.info.status == "FAILED"
    assert run.data.tags["recipeline.outcome"] == "failed"
    assert run.data.tags["recipeline.error"].startswith("EnvironmentFault: the model could not be logged")
    assert run.data.metrics["test/loss"] > 0


def test_four_runs_in_one_fresh_folder_are_four_finished_runs(folder):
    processes = [
        subprocess.Popen(
            command(f"seed={seed}"),
            cwd=folder,
            env=environment(OMP_NUM_THREADS="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(4)
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], said
    assert not [text for text in said if "locked" in text or "duplicate" in text or "could not" in text]
    runs = runs_in(folder / "mlflow.db")
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert {run.data.params["seed"] for run in runs} == {"0", "1", "2", "3"}
    assert {len(run.data.params) for run in runs} == {len(runs[0].data.params)}
    assert all(len(run.outputs.model_outputs) == 1 for run in runs)
    assert {path.name for path in folder.iterdir()} == {"iris.yaml", "mlflow.db", "mlruns", ".recipeline"}
