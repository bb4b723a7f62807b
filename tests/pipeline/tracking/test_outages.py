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

from recipeline.tracking.journal import read_journal
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


class Server:
    """`mlflow server` in a process group of its own, which can be killed and started again."""

    def __init__(self, folder, empty_store):
        self.folder = folder
        self.database = folder / "server.db"
        shutil.copyfile(empty_store, self.database)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        if self.process is not None:
            return
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [
                *(*command, "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{self.database}"),
                *("--artifacts-destination", str(self.folder / "kept")),
            ],
            cwd=self.folder,
            # `mlflow server` calls uvicorn by its name.
            env=environment(
                PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            ),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = time.monotonic() + 90
        while True:
            assert self.process.poll() is None, "the server has ended"
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=2)
                return
            except OSError:
                time.sleep(0.1)

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_store):
    made = Server(tmp_path_factory.mktemp("server"), empty_store)
    yield made
    made.kill()


def points_in(database, run_id):
    """Every point of every curve, by key, step, value and time."""
    client = MlflowClient(f"sqlite:///{database}")
    keys = client.get_run(run_id).data.metrics
    return sorted(
        (key, point.step, point.value, point.timestamp)
        for key in keys
        for point in client.get_metric_history(run_id, key)
    )


def journaled(folder):
    rows = read_journal(folder).metrics
    return sorted((row.key, row.step, row.value, row.timestamp) for row in rows)


def sync(folder, address, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "recipeline", "sync", "--json", *arguments],
        cwd=folder,
        env=environment(MLFLOW_TRACKING_URI=address),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done, json.loads(done.stdout)


@pytest.mark.slow
def test_a_run_without_a_server_is_sent_when_there_is_one(folder, server):
    server.kill()
    asked = environment(MLFLOW_TRACKING_URI=server.address)
    done = subprocess.run(command(), cwd=folder, env=asked, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    away = f"no MLflow server answers at {server.address}: connection refused"
    assert f"note: {away}. The run goes on" in done.stderr
    result = json.loads(done.stdout)
    kept = folder / ".recipeline" / "runs" / result["run_id"]
    assert f"it is kept in {kept}. Send it with: recipeline sync {result['run_id'][:8]}" in done.stderr
    assert result["status"] == "FINISHED"
    told = journaled(kept)
    assert len(told) > 50

    done, _ = sync(folder, server.address)
    assert done.returncode == 4
    assert f"the run {result['run_id'][:8]} (iris) is not all in {server.address}" in done.stderr
    assert away in done.stderr

    server.start()
    done, (sent,) = sync(folder, server.address, result["run_id"][:6])
    assert done.returncode == 0, done.stderr
    assert (sent["status"], sent["outcome"], sent["left"]) == ("FINISHED", "sent", 0)
    assert sent["model_uri"].startswith("models:/")
    (run,) = runs_in(server.database)
    assert (run.info.run_id, run.info.status) == (sent["run_id"], "FINISHED")
    assert run.data.tags["recipeline.outcome"] == "finished"
    assert sent["model_uri"] in run.data.tags["mlflow.note.content"]
    assert run.data.params["architecture"] == "linear"
    assert points_in(server.database, sent["run_id"]) == told
    assert len(run.inputs.dataset_inputs) == len(run.outputs.model_outputs) == 1
    assert [path.read_text() for path in (server.folder / "kept").rglob("written.yaml")] == [RECIPE]
    assert not kept.exists()
    assert sync(folder, server.address)[1] == []


def test_a_server_that_goes_away_costs_no_training_and_no_metric(folder, server):
    server.start()
    asked = environment(MLFLOW_TRACKING_URI=server.address)
    with subprocess.Popen(
        command("name=second"), cwd=folder, env=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert run.stdout is not None
        for line in run.stderr:
            if line.startswith("epoch"):
                server.kill()
                break
        said = run.stderr.read()
        result = json.loads(run.stdout.read())
        assert run.wait(timeout=120) == 0, said
    assert "Traceback" not in said
    assert "the model and the status FINISHED could not be sent: no MLflow server answers at" in said
    kept = folder / ".recipeline" / "runs" / result["run_id"]
    assert f"it is kept in {kept}" in said
    assert to_log(kept / "checkpoints")["best.ckpt"].exists()
    assert result["status"] == "FINISHED"
    assert result["metrics"]["test/loss"] > 0
    assert (Path(result["model_uri"]) / "MLmodel").is_file()
    told = journaled(kept)
    server.start()
    done, (sent,) = sync(folder, server.address)
    assert done.returncode == 0, done.stderr
    assert sent["run_id"] == result["run_id"]
    assert points_in(server.database, sent["run_id"]) == told
    (found,) = [each for each in runs_in(server.database) if each.info.run_id == result["run_id"]]
    assert found.info.status == "FINISHED"


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


@pytest.mark.slow
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
