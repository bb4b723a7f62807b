"""The UI is for this machine alone."""

import socket
import sys

import pytest

from recipeline.errors import EnvironmentFault, UnsafeError, UsageError
from recipeline.tracking import ui


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_command_is_this_interpreters_mlflow_on_loopback(uri, free_port):
    found = ui.command(uri, "127.0.0.1", free_port)
    assert found[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert found[found.index("--backend-store-uri") + 1] == uri
    assert found[found.index("--host") + 1] == "127.0.0.1"
    assert found[found.index("--port") + 1] == str(free_port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])
def test_other_addresses_are_refused_as_unsafe(host, uri):
    with pytest.raises(UnsafeError, match=r"--host: the MLflow UI lets everyone in .* ssh -L"):
        ui.command(uri, host, 5000)


def test_no_store_is_made_by_looking(tmp_path):
    with pytest.raises(UsageError, match="nothing to show yet"):
        ui.command(f"sqlite:///{tmp_path / 'mlflow.db'}", "127.0.0.1", 5000)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_names_another(uri):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=rf"port {port} is taken.* recipeline ui --port {port + 1}"):
            ui.command(uri, "127.0.0.1", port)


def test_serving_returns_the_servers_exit_code():
    assert ui.serve([sys.executable, "-c", "raise SystemExit(7)"]) == 7
