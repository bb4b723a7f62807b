"""A tracking server that is killed, stopped, or answers 500 while a run trains: nothing is lost, nothing is twice.

A real `mlflow server` on loopback behind a small proxy, a real training; what the store holds afterwards is compared
with the run's journal, point by point. RECIPELINE_OUTAGE_S says how long the server is away: 60 s if it says nothing.
What a step takes is what it takes without the time for which the kernel had no processor for it, where the kernel says
so: the machine may do other things.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from recipeline.tracking import store
from recipeline.tracking.journal import read_journal

pytestmark = pytest.mark.faults

OUTAGE_S = float(os.environ.get("RECIPELINE_OUTAGE_S", "60"))
TRAINING = """
import json, shutil, sys, time
from pathlib import Path

import pytorch_lightning as pl

from recipeline import hookimpl, load_recipe, run
from recipeline.catalog import installed


def waited():
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class Pace(pl.Callback):
    def __init__(self):
        self.gaps, self.before = [], None

    def on_train_epoch_start(self, trainer, pl_module):
        self.before = time.monotonic(), waited()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        gap, idle = time.monotonic() - self.before[0], waited() - self.before[1]
        self.gaps.append((time.time(), gap, gap - idle))
        time.sleep(0.01)
        self.before = time.monotonic(), waited()

    def on_train_epoch_end(self, trainer, pl_module):
        Path("training").touch()
        trainer.should_stop = Path("enough").exists()

    def on_fit_end(self, trainer, pl_module):
        shutil.copytree(trainer.logger._run.folder, "told", ignore=shutil.ignore_patterns("outbox", "checkpoints"))
        Path("gaps.json").write_text(json.dumps(self.gaps))


class Plugin:
    @hookimpl
    def recipeline_callbacks(self, run):
        return [Pace()]


installed().manager.register(Plugin())
result = run(load_recipe("iris.yaml"))
print(json.dumps(result.as_dict()))
"""
RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
reports: []
training: {epochs: 100000, batch_size: 16, accelerator: cpu, threads: 1}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`mlflow server`, and the address of a proxy in front of it that can answer 500."""

    def __init__(self, folder):
        self.folder, self.port, self.broken = folder, free_port(), False
        self.database = f"sqlite:///{folder / 'server.db'}"
        store.create_store(self.database)
        self.process = None
        self.start()
        handler = type("Handler", (Proxy,), {"server_of": self})
        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.proxy.server_address[1]}"

    def start(self):
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--workers", "1", "--backend-store-uri", self.database),
                *("--artifacts-destination", str(self.folder / "kept")),
            ],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = time.monotonic() + 120
        while True:
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2)
                return
            except OSError:
                time.sleep(0.1)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        self.proxy.shutdown()
        self.proxy.server_close()
        self.kill()


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on, or answers 500; closes the connection where the server does."""

    server_of: Server

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, content = 500, {}, b"{}"
        if not self.server_of.broken:
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.server_of.port}{self.path}",
                data=body if self.command in ("POST", "PUT", "PATCH") else None,
                headers={k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")},
                method=self.command,
            )
            try:
                with urllib.request.urlopen(request, timeout=90) as found:
                    status, headers, content = found.status, dict(found.headers), found.read()
            except urllib.error.HTTPError as error:
                status, headers, content = error.code, dict(error.headers), error.read()
            except (OSError, http.client.HTTPException):
                self.close_connection = True
                return
        self.send_response(status)
        for key, value in headers.items():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - as the library calls them

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.close()


def wait_for(path, process, seconds=180):
    limit = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < limit
        time.sleep(0.1)


def curves_in(client, run_id):
    keys = client.get_run(run_id).data.metrics
    points = [(key, p.step, p.value, p.timestamp) for key in keys for p in client.get_metric_history(run_id, key)]
    return sorted(point for point in points if point[1] > 0)


@pytest.mark.parametrize("how", ["killed", "stopped", "answers 500", "gone"])
def test_an_outage_loses_nothing_and_holds_nothing_up(how, server, tmp_path, counted):
    work = tmp_path / "work"
    work.mkdir()
    (work / "iris.yaml").write_text(RECIPE)
    asked = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    asked |= {"MLFLOW_TRACKING_URI": server.address, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TRAINING],
        cwd=work, env=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_for(work / "training", process)
        time.sleep(2)  # the first steps are longer
        steady = time.time()
        time.sleep(OUTAGE_S / 2)
        began = time.time()
        if how == "stopped":
            server.signal(signal.SIGSTOP)
        elif how == "answers 500":
            server.broken = True
        else:
            server.kill()
        time.sleep(OUTAGE_S)
        ended = time.time()
        server.broken = False
        server.signal(signal.SIGCONT)
        if how == "killed":
            server.start()
        time.sleep(5)
        (work / "enough").touch()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    result = json.loads(out.splitlines()[-1])
    assert result["status"] == "FINISHED"
    if how == "gone":
        assert (work / ".recipeline" / "runs" / result["run_id"]).is_dir()
        server.start()
        done = subprocess.run(
            [sys.executable, "-m", "recipeline", "sync", "--json"],
            cwd=work, env=asked, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert [each["outcome"] for each in json.loads(done.stdout)] == ["sent"]
    assert not list((work / ".recipeline" / "runs").iterdir())

    client = MlflowClient(server.database)
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert run.info.run_id == result["run_id"]
    assert run.info.status == "FINISHED"
    assert len(run.outputs.model_outputs) == 1
    told = sorted((m.key, m.step, m.value, m.timestamp) for m in read_journal(work / "told").metrics if m.step > 0)
    assert len(told) > 500
    assert curves_in(client, run.info.run_id) == told

    gaps = json.loads((work / "gaps.json").read_text())
    within = [gap for gap in gaps if began < gap[0] < ended]
    outside = [gap for gap in gaps if steady < gap[0] < began]
    longest, usual = (max(net for _, _, net in part) for part in (within, outside))
    gross = [1e3 * max(gap for _, gap, _ in part) for part in (within, outside)]
    counted(
        f"server {how} for {OUTAGE_S:.0f} s: longest step {1e3 * longest:.1f} ms of {len(within)} within, "
        f"{1e3 * usual:.1f} ms of {len(outside)} before (by the clock {gross[0]:.1f} and {gross[1]:.1f} ms); "
        f"{len(told)} points, none lost, none twice"
    )
    assert longest < usual + 0.1
    shutil.rmtree(work)
