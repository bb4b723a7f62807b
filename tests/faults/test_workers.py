"""A training whose batches are cut by worker processes: one of them is killed, and signals come for all of them.

The commands are real ones, each a session of its own as in a terminal, forked from a process that has imported all.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
reports: []
training: {epochs: 100000, batch_size: 16, accelerator: cpu, threads: 1, workers: 2, checkpoint: {epochs: 2}}
"""
ENDS_S = 20
FORKS = """
import os, sys
import mlflow.store.tracking.sqlalchemy_store, pytorch_lightning, sklearn.datasets, torch, torchmetrics
from recipeline import resuming, runner
from recipeline.cli.main import main
from recipeline.stages import build, evaluate, fit, preprocess, read, split
from recipeline.tracking import record

runner.STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1), os.dup2(said, 2), os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os._exit(main(line.split()))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)
"""


def status_of(pid: int) -> tuple[int, int] | None:
    """Parent and session of a process; None when it is gone."""
    try:
        state, parent, _, session, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else (int(parent), int(session))


class Command:
    """A command in a session of its own."""

    def __init__(self, forks: subprocess.Popen[str], folder: Path, *arguments: str) -> None:
        self.forks, self.folder = forks, folder
        (folder / "said.txt").write_text("")
        print(*arguments, file=forks.stdin, flush=True)
        self.pid = int(forks.stdout.readline())

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def others(self) -> list[int]:
        """Every other process of the session."""
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        found = {pid: status_of(pid) for pid in pids}
        return [pid for pid, held in found.items() if held is not None and held[1] == self.pid and pid != self.pid]

    def workers(self) -> list[int]:
        """Those two that cut batches, once they do: they are children of a child."""
        children = {pid: status_of(pid) for pid in self.others()}
        return [pid for pid, held in children.items() if held is not None and held[0] in children]

    def train(self) -> list[int]:
        """Wait until it trains; its workers."""
        limit = time.monotonic() + 120
        while "\nepoch" not in self.said():
            assert time.monotonic() < limit, self.said()
            time.sleep(0.02)
        found = self.workers()
        assert len(found) == 2
        return found

    def end(self) -> int:
        """Wait for its end; its exit code. Nothing of it is left."""
        code = int(self.forks.stdout.readline())
        limit = time.monotonic() + ENDS_S
        while left := self.others():
            assert time.monotonic() < limit, [Path(f"/proc/{pid}/cmdline").read_text() for pid in left]
            time.sleep(0.02)
        return code


@pytest.fixture(scope="module")
def forks(tmp_path_factory) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    folder = tmp_path_factory.mktemp("workers")
    (folder / "t").mkdir()
    (folder / "iris.yaml").write_text(RECIPE)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RECIPELINE_", "SLURM_"))}
    with subprocess.Popen(
        [sys.executable, "-c", FORKS],
        cwd=folder,
        env=kept | {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "TMPDIR": str(folder / "t")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, folder


@pytest.fixture
def start(forks) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def make(*arguments: str) -> Command:
        started.append(Command(*forks, *arguments))
        return started[-1]

    yield make
    for command in started:  # where a test has failed
        for pid in [command.pid, *command.others()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run_of(folder: Path) -> tuple[str, dict[str, str]]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = client.search_runs([each.experiment_id for each in client.search_experiments()], max_results=1)
    return found[0].info.status, found[0].data.tags


def test_a_worker_that_is_killed_fails_the_run_and_is_named(forks, start):
    _, folder = forks
    command = start("run", "iris.yaml")
    _, second = command.train()
    os.kill(second, signal.SIGKILL)
    assert command.end() == 4
    said = command.said()
    assert "of 2 that cuts batches was ended by SIGKILL, and the training can't go on without it" in said
    assert f"(found pid {second})" in said
    assert "Traceback" not in said
    status, tags = run_of(folder)
    assert status == "FAILED"
    assert tags["recipeline.workers"] == "2"
    command = start("resume", "last")
    command.train()
    os.kill(command.pid, signal.SIGTERM)
    assert command.end() == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_all_processes_is_answered_by_the_one_that_trains(number, code, forks, start):
    _, folder = forks
    command = start("run", "iris.yaml")
    workers = command.train()
    os.killpg(command.pid, number)  # as a terminal does
    for pid in workers:  # and as a batch system does
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    assert command.end() == code
    assert run_of(folder)[0] == "KILLED"
    assert "recipeline resume" in command.said()
    assert "Traceback" not in command.said()


def test_nothing_is_left_of_a_run_that_is_killed(forks, start):
    _, folder = forks
    command = start("run", "iris.yaml")
    command.train()
    made = max((folder / "t").iterdir(), key=lambda path: path.stat().st_ctime)
    assert list(made.glob("listener-*"))
    os.kill(command.pid, signal.SIGKILL)
    assert command.end() == -signal.SIGKILL
    assert not made.exists()


def test_a_program_is_not_run_again_by_its_workers(tmp_path):
    """One without `if __name__ == "__main__"`, which multiprocessing asks for."""
    (tmp_path / "program.py").write_text(
        f"""
from recipeline import load_recipe, run, runner

print("once")
runner.STAGES = ("read", "split", "preprocess", "build", "fit")
with open("iris.yaml", "w") as file:
    file.write({RECIPE!r})
run(load_recipe("iris.yaml", ["training.epochs=2"]))
"""
    )
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines().count("once") == 1
