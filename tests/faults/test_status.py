"""The status of runs that are killed, ended by signals, or queued again, as MLflow has it afterwards.

RECIPELINE_KILLS says how many runs are killed, and how many get a signal, at random moments: 20 if it says nothing.
Runs are forked from a process that has imported everything, so that one costs a second instead of ten; the small
process beside each is a real one, and so is what it starts.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from recipeline.tracking import store
from recipeline.training.kept import find_checkpoints

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

KILLS = int(os.environ.get("RECIPELINE_KILLS", "20"))
RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
reports: []
training: {epochs: 100000, batch_size: 16, accelerator: cpu, threads: 1, checkpoint: {epochs: 5}}
"""
AT_ONCE = 2
"""Runs that are killed together: sending what each has left takes seconds of a core."""
LIVING = 50
REPEATED = 5
FORKS = """
import json, os, select, sys, time
from pathlib import Path

import mlflow.store.tracking.sqlalchemy_store, pytorch_lightning, sklearn.datasets, torch, torchmetrics
from recipeline import resuming, runner
from recipeline.cli.main import main
from recipeline.stages import build, evaluate, fit, preprocess, read, split
from recipeline.tracking import record, run

# What is asked here is the status; the model that is logged is asked for elsewhere.
runner.STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")


def live(place):
    # A run that does nothing but live, with its watcher.
    uri, runs = f"sqlite:///{os.getcwd()}/mlflow.db", Path(".recipeline/runs").absolute()
    lives = run.TrackedRun.open(name=place, experiment="living", uri=uri, runs=runs)
    lives.watch_over()
    lives.log_epoch({"loss": 1.0}, 1)
    lives.flush()
    print("lives", lives.run_id, lives._watcher.pid, flush=True)
    time.sleep(3600)


waiting = b""
while True:
    if select.select([0], [], [], 0.05)[0]:
        got = os.read(0, 65536)
        if not got:
            break
        waiting += got
    *lines, waiting = waiting.split(b"\\n")
    for line in lines:
        call = json.loads(line)
        pid = os.fork()
        if pid == 0:
            said = os.open(call["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1), os.dup2(said, 2), os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(call["folder"])
            arguments = call["arguments"]
            os._exit(live(arguments[1]) if arguments[0] == "live" else main(arguments))
        print("began", pid, flush=True)
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        continue
    if pid:
        print("ended", pid, os.waitstatus_to_exitcode(status), flush=True)
os._exit(0)  # taking all of these libraries down takes seconds
"""


class Run:
    """A command in a process of its own."""

    def __init__(self, forks: "Forks", folder: Path, said: Path, pid: int) -> None:
        self.forks, self.folder, self.said, self.pid = forks, folder, said, pid

    def until(self, words: str) -> str:
        """Wait until it has said this; all that it has said."""
        limit = time.monotonic() + 120
        while words not in (text := self.said.read_text()):
            assert self.pid not in self.forks.ended, text
            assert time.monotonic() < limit, text
            time.sleep(0.01)
        return text

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for its end; its exit code."""
        while self.pid not in self.forks.ended:
            self.forks.hear()
        return self.forks.ended[self.pid]


class Forks:
    """Starts commands from a process that has imported everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.ended = folder, itertools.count(), {}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RECIPELINE_", "SLURM_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKS],
            env=kept | {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, folder: Path, *arguments: str) -> Run:
        said = self.folder / f"said-{next(self.count)}.txt"
        said.write_text("")
        call = {"arguments": arguments, "said": str(said), "folder": str(folder)}
        assert self.process.stdin is not None
        print(json.dumps(call), file=self.process.stdin, flush=True)
        while (pid := self.hear()) is None:
            pass
        return Run(self, folder, said, pid)

    def hear(self) -> int | None:
        """The process that has begun, when that is what is heard of next; the ends of others are noted."""
        assert self.process.stdout is not None
        kind, pid, *code = self.process.stdout.readline().split()
        if kind == "began":
            return int(pid)
        self.ended[int(pid)] = int(code[0])
        return None

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def forks(tmp_path_factory) -> Iterator[Forks]:
    made = Forks(tmp_path_factory.mktemp("forks"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    store.create_store(f"sqlite:///{file}")
    return file


@pytest.fixture
def work(tmp_path, empty_store):
    """A folder with a recipe and an empty store."""
    (tmp_path / "iris.yaml").write_text(RECIPE)
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return tmp_path


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


def named(folder, name):
    (run,) = [run for run in runs_of(folder) if run.info.run_name == name]
    return run


def test_killed_runs_are_marked_within_half_a_minute(forks, work, counted):
    draw, late = random.Random(1), []
    for numbers in _pairs(KILLS):
        names = [f"killed-{number}" for number in numbers]
        runs = [forks.start(work, "run", "iris.yaml", f"name={name}") for name in names]
        began = []
        for run in runs:
            run.until("\nepoch")
            time.sleep(draw.random())
            run.signal(signal.SIGKILL)
            began.append(time.monotonic())
        for name, run, moment in zip(names, runs, began, strict=True):
            assert run.end() == -signal.SIGKILL
            while named(work, name).info.status == "RUNNING":
                assert time.monotonic() < moment + 30, f"{name} is RUNNING"
                time.sleep(0.2)
            late.append(time.monotonic() - moment)
            found = named(work, name)
            assert found.info.status == "KILLED"
            assert found.data.tags["recipeline.outcome"] == "killed"
    counted(f"{len(late)} of {KILLS} killed runs marked, after {max(late):.1f} s at most")


def _pairs(count):
    return (range(first, min(first + AT_ONCE, count)) for first in range(0, count, AT_ONCE))


def test_living_runs_are_never_marked_whoever_looks(forks, work, counted):
    """One of them has lost its watcher, another has been stopped, and others are killed beside them."""
    living = [forks.start(work, "live", f"living-{number}") for number in range(LIVING)]
    watchers = [int(run.until("lives").split()[2]) for run in living]
    victim = forks.start(work, "live", "victim")
    victim.until("lives")
    os.kill(watchers[3], signal.SIGKILL)
    living[5].signal(signal.SIGSTOP)

    def states():
        return {run.info.run_name: run.info.status for run in runs_of(work)}

    victim.signal(signal.SIGKILL)
    began = time.monotonic()
    while states()["victim"] == "RUNNING":
        assert time.monotonic() < began + 30
        time.sleep(0.5)
    assert sync(work).returncode == 0
    looked = forks.start(work, "compare", "nobody", "at-all")  # the next command, which looks after killed runs too
    assert looked.end() == 2
    found = states()
    assert found.pop("victim") == "KILLED"
    assert found == {f"living-{number}": "RUNNING" for number in range(LIVING)}
    counted(f"0 of {LIVING} living runs marked")

    for number in watchers:  # fifty at once would each send what its run has left
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    for run in living:
        run.signal(signal.SIGKILL)
    for run in living:
        run.end()
    assert set(states().values()) == {"RUNNING", "KILLED"}
    done = sync(work)
    assert done.returncode == 0, done.stderr
    assert set(states().values()) == {"KILLED"}
    counted(f"{LIVING} of {LIVING} that were killed with their watchers are marked by the next command")


def test_a_signal_saves_and_marks_and_gives_the_right_code(forks, work, counted):
    draw, codes = random.Random(2), {signal.SIGINT: 130, signal.SIGTERM: 143}
    for numbers in _pairs(KILLS):
        chosen = [(f"ended-{number}", list(codes)[number % 2]) for number in numbers]
        runs = [forks.start(work, "run", "iris.yaml", f"name={name}") for name, _ in chosen]
        for run, (_, number) in zip(runs, chosen, strict=True):
            run.until("\nepoch")
            time.sleep(draw.random())
            run.signal(number)
        for run, (name, number) in zip(runs, chosen, strict=True):
            assert run.end() == codes[number], run.said.read_text()
            said = run.said.read_text()
            assert "Traceback" not in said
            found = named(work, name)
            assert found.info.status == "KILLED"
            assert found.data.tags["recipeline.outcome"] == "killed"
            told = [line.removeprefix("epoch").split("/")[0] for line in said.splitlines() if line.startswith("epoch")]
            last = max(int(number) for number in told)
            saved = find_checkpoints(work / ".recipeline" / "runs" / found.info.run_id / "checkpoints")
            assert not saved.damaged
            assert saved.epochs >= last, "the checkpoint is the one that the signal asked for"
            assert f"recipeline resume {found.info.run_id[:8]}" in said
    counted(f"{KILLS} of {KILLS} runs that got a signal saved, KILLED, with the right code")


def test_four_runs_at_once_in_a_fresh_folder_are_four_finished_runs(forks, tmp_path, counted):
    for number in range(REPEATED):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "iris.yaml").write_text(RECIPE)
        overrides = ["training.epochs=3", "training.checkpoint={}"]
        runs = [forks.start(folder, "run", "iris.yaml", f"seed={seed}", *overrides) for seed in range(4)]
        assert [run.end() for run in runs] == [0] * 4, [run.said.read_text() for run in runs]
        for run in runs:
            said = run.said.read_text()
            assert not [words for words in ("locked", "duplicate", "could not", "Traceback") if words in said], said
        found = runs_of(folder)
        assert [run.info.status for run in found] == ["FINISHED"] * 4
        assert {run.data.params["seed"] for run in found} == {"0", "1", "2", "3"}
        keys = [set(run.data.metrics) for run in found]
        assert keys == [keys[0]] * 4
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        for run in found:
            steps = [point.step for point in client.get_metric_history(run.info.run_id, "val/loss")]
            assert steps == [1, 2, 3]
    counted(f"{REPEATED} of {REPEATED} times four runs at once in a fresh folder were four finished runs")


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
    process = begun("training.epochs=400", "--json", **job)
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
