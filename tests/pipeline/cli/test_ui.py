"""`recipeline ui`: the address, and whom it is for."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from recipeline.cli.main import main
from recipeline.tracking import ui


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_a_store_it_says_how_to_get_one(capsys, tmp_path):
    assert main(["ui"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_other_hosts_are_refused_as_unsafe(capsys):
    assert main(["ui", "--host", "0.0.0.0"]) == 3
    assert "--host: the MLflow UI lets everyone in" in capsys.readouterr().err


def test_a_servers_own_ui_is_named(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:secret@host:5000")
    assert main(["ui"]) == 0
    assert capsys.readouterr().out == "https://ann:***@host:5000\n"


def test_the_address_is_printed_and_a_server_that_fails_is_a_fault_of_the_environment(monkeypatch, capsys, tmp_path):
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setattr(ui, "serve", lambda arguments: 3)
    monkeypatch.setattr(ui, "_check_port", lambda host, port: None)
    assert main(["ui", "--port", "5123"]) == 4
    said = capsys.readouterr()
    assert said.out == "http://127.0.0.1:5123\n"
    assert "ended with exit code 3" in said.err


@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_it_shows_the_store_until_it_is_interrupted(tmp_path):
    from recipeline.tracking.run import TrackedRun

    TrackedRun.open(name="a", experiment="shown", uri=f"sqlite:///{tmp_path / 'mlflow.db'}").close("FINISHED")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from recipeline.cli.main import main; raise SystemExit(main(['ui', '--port', '{port}']))",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        limit = time.monotonic() + 120
        while True:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        wanted = f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=shown"
        with urllib.request.urlopen(wanted, timeout=60) as response:
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout.read() == f"{address}\n"
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{address}/health", timeout=5)
    finally:
        process.terminate()  # it takes the server along
        process.wait(30)
        process.stdout.close()
