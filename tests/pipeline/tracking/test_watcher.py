"""A small process gives a run its status when the run's own was killed, and is gone when the run ends by itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from recipeline.tracking import store, watcher

RUN = """
import os, signal, sys, time
from pathlib import Path
from recipeline.tracking.run import TrackedRun

run = TrackedRun.open(name="a", experiment="b", uri=sys.argv[1], runs=Path(sys.argv[2]))
run.watch_over()
run.log_epoch({"loss": 1.0}, 1)
print(run.run_id, run._watcher.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="looks at processes as POSIX has them")
def test_a_killed_run_is_marked_within_seconds(uri, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", RUN, uri, str(tmp_path / ".recipeline" / "runs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        run_id, watching = process.stdout.readline().split()
        beside = psutil.Process(int(watching))
        assert beside.memory_info().rss < 40_000_000
        assert os.getpgid(beside.pid) != os.getpgid(process.pid)
        client = store.connect(uri)
        assert client.get_run(run_id).info.status == "RUNNING"
        began = time.monotonic()
        process.stdin.write("\n")
    while client.get_run(run_id).info.status == "RUNNING":
        assert time.monotonic() - began < 30
        time.sleep(0.2)
    assert client.get_run(run_id).info.status == "KILLED"
    assert client.get_run(run_id).data.metrics == {"loss": 1.0}
    beside.wait(timeout=10)


def test_a_run_that_ends_by_itself_takes_its_watcher_along(open_run, tmp_path):
    run = open_run(runs=tmp_path / ".recipeline" / "runs")
    run.watch_over()
    beside = psutil.Process(run._watcher.pid)
    run.close("FINISHED")
    assert not beside.is_running()
    watcher.stop(None)


def test_the_watcher_reads_nothing_but_python(tmp_path):
    code = f"import runpy, sys; runpy.run_path({watcher.__file__!r}, run_name='x'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert "recipeline" not in done.stdout
    assert "mlflow" not in done.stdout


def test_without_an_interpreter_there_is_no_watcher(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", "")
    assert watcher.start(tmp_path, "sqlite:////x") is None


def test_no_password_is_on_its_command_line(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **more: asked.append((words, more)))
    watcher.start(tmp_path / "h" / "runs" / "r", "http://ann:secret@host")
    ((words, more),) = asked
    assert "secret" not in " ".join(words)
    assert more["env"]["MLFLOW_TRACKING_URI"] == "http://ann:secret@host"
    assert Path(more["env"]["RECIPELINE_HOME"]) == tmp_path / "h"
    assert more["stdout"] == more["stderr"] == subprocess.DEVNULL


def test_a_process_is_waited_for_to_its_end():
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(watcher.__file__).parent)!r})
import watcher
watcher.wait_for_end(int(sys.argv[1]))
print("ended", flush=True)
"""
    parent = (
        "import os, subprocess, sys, time; "
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent, code], stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1.0)
        began = time.monotonic()
        process.send_signal(signal.SIGKILL)
        assert process.stdout is not None
        assert process.stdout.read() == "ended\n"
        assert time.monotonic() - began < 10
