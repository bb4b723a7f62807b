"""Metrics by the hundred reach MLflow through a process beside the run, which may be lost at any time."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from recipeline.errors import EnvironmentFault
from recipeline.tracking import courier as module
from recipeline.tracking import store
from recipeline.tracking.courier import MANY, TIMES, Courier, Lost
from recipeline.tracking.journal import now
from recipeline.tracking.outbox import Refused
from recipeline.tracking.rows import MetricRow, TagRow

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there it is not used")

RUN = """
import sys, time
from pathlib import Path
from recipeline.tracking.run import TrackedRun

run = TrackedRun.open(name="a", experiment="b", uri=sys.argv[1], runs=Path(sys.argv[2]))
run._outbox.pause_s = 0.05
step = 0
while not run._courier._ready:
    step += 1
    run.log_soon({f"m{number}": 0.5 for number in range(200)}, step)
    time.sleep(0.05)
print(run._courier._process.pid, flush=True)
sys.stdin.readline()
"""


def rows(count, step=1):
    return [MetricRow(f"busy/{number}", number + 0.5, now(), step) for number in range(count)]


def ready(courier):
    """Ask until it takes rows."""
    limit = time.monotonic() + 60
    while not courier.takes(rows(MANY)):
        assert time.monotonic() < limit
        assert not courier._gone
        time.sleep(0.02)
    return courier


@pytest.fixture
def couriers():
    made = []

    def make(uri):
        made.append(Courier(uri))
        return made[-1]

    yield make
    for courier in made:
        courier.close()


@pytest.fixture(scope="module")
def shared(empty_store, tmp_path_factory):
    """One that is ready, and its store."""
    file = tmp_path_factory.mktemp("courier") / "mlflow.db"
    shutil.copyfile(empty_store, file)
    courier = ready(Courier(f"sqlite:///{file}"))
    yield courier, store.connect(courier.uri)
    courier.close()


def test_what_it_takes_is_in_the_store_when_send_returns(shared):
    courier, client = shared
    run_id = client.create_run("0").info.run_id
    courier.send(run_id, rows(250))
    found = client.get_run(run_id).data.metrics
    assert found == {f"busy/{number}": number + 0.5 for number in range(250)}


def test_nothing_but_metrics_goes_through_it(shared):
    assert not shared[0].takes([*rows(MANY), TagRow("a", "b")])
    assert shared[0].takes(rows(1))


def test_what_the_store_will_never_take_is_refused_in_its_words(shared):
    courier, client = shared
    run_id = client.create_run("0").info.run_id
    with pytest.raises(Refused, match=r"Invalid value .* for parameter 'metrics"):
        courier.send(run_id, [MetricRow("no: such/../key", 1.0, now(), 1)])
    courier.send(run_id, rows(1))
    assert client.get_run(run_id).data.metrics == {"busy/0": 0.5}


def test_a_process_is_started_for_many_metrics_several_times_in_a_short_time_alone(couriers, uri, monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 29.9])
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    courier = couriers(uri)
    for _ in range(3):
        assert not courier.takes(rows(MANY - 1))
        assert not courier.takes(rows(MANY))
        assert courier._process is None
    courier.takes(rows(MANY))
    assert courier._process is not None


def test_a_store_that_is_away_is_said_as_the_run_itself_would_say_it(couriers):
    courier = ready(couriers("http://user:hidden@127.0.0.1:9"))
    with pytest.raises(EnvironmentFault) as fault:
        courier.send("0" * 32, rows(1))
    said = "no MLflow server answers at http://user:***@127.0.0.1:9: connection refused"
    assert fault.value.problems[0].message == said
    assert courier.takes(rows(1))
    assert "hidden" not in " ".join(psutil.Process(courier._process.pid).cmdline())


def test_it_takes_nothing_any_more_once_it_is_lost(couriers, uri):
    courier = ready(couriers(uri))
    courier._process.kill()
    with pytest.raises(Lost):
        courier.send("0" * 32, rows(1))
    assert not courier.takes(rows(MANY))
    assert courier._process.returncode == -signal.SIGKILL


def test_one_that_does_not_come_up_is_done_without(couriers, uri, monkeypatch):
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    courier, limit = couriers(uri), time.monotonic() + 20
    while not courier._gone:
        assert not courier.takes(rows(MANY))
        assert time.monotonic() < limit
        time.sleep(0.01)
    monkeypatch.setattr(module.sys, "executable", "/no/such/python")
    none = couriers(uri)
    assert not any(none.takes(rows(MANY)) for _ in range(2 * TIMES))
    assert none._process is None


@pytest.mark.parametrize("uri_in_memory", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_is_nobody_elses(couriers, uri_in_memory):
    courier = couriers(uri_in_memory)
    assert not any(courier.takes(rows(MANY)) for _ in range(2 * TIMES))
    assert courier._process is None


def test_what_a_library_prints_is_no_answer(couriers, uri, tmp_path, monkeypatch):
    printing = tmp_path / "printing"
    (printing / "mlflow").mkdir(parents=True)
    (printing / "mlflow" / "__init__.py").write_text(
        f"import sys; print('hello', flush=True); sys.path.remove({str(printing)!r}); "
        "del sys.modules['mlflow']; import mlflow"
    )
    monkeypatch.syspath_prepend(printing)
    run_id = store.connect(uri).create_run("0").info.run_id
    ready(couriers(uri)).send(run_id, rows(1))
    assert store.connect(uri).get_run(run_id).data.metrics == {"busy/0": 0.5}


def test_a_run_sends_through_it_and_loses_and_doubles_nothing_when_it_is_killed(open_run, uri, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    run._outbox.pause_s = 0.02
    sent, killed, limit = 0, False, time.monotonic() + 90
    while not killed or sent < 120:
        sent += 1
        run.log_soon({f"m{number}": float(sent) for number in range(50)}, sent)
        time.sleep(0.02)
        assert time.monotonic() < limit
        if run._courier._ready and not killed:
            child = psutil.Process(run._courier._process.pid)
            assert child.is_running()
            child.kill()
            killed = True
    run.close("FINISHED")
    assert run.complete
    assert run.troubles == []
    assert not child.is_running()
    history = store.connect(uri).get_metric_history(run.run_id, "m7")
    assert [(point.step, point.value) for point in history] == [(step, float(step)) for step in range(1, sent + 1)]


def test_the_end_of_a_run_ends_it(open_run, tmp_path):
    run = open_run(runs=tmp_path / "runs")
    ready(run._courier)
    child = psutil.Process(run._courier._process.pid)
    run.close("FINISHED")
    assert not child.is_running()


def test_it_ends_with_a_killed_run(uri, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", RUN, uri, str(tmp_path / "runs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        assert os.getpgid(child.pid) != os.getpgid(process.pid)
        process.kill()
    child.wait(timeout=10)
