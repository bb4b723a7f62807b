"""Recipes are run in this process, each in a store of its own, and their models are asked over HTTP."""

import json
import operator
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

Ask = Callable[[dict[str, Any]], tuple[int, Any]]
"""Sends a body; the status, and the predictions, or the words of a refusal."""


@pytest.fixture(scope="session")
def floors() -> dict[str, dict[str, str]]:
    """What each recipe reaches, by its path without the ending: `{test/accuracy: ">= 0.95"}`."""
    found: dict[str, dict[str, str]] = yaml.safe_load((Path(__file__).parent / "floors.yaml").read_text())
    return found


@pytest.fixture
def reaches(floors: dict[str, dict[str, str]]) -> Callable[[str, Mapping[str, float]], None]:
    """Fails where a recipe's metrics don't come to its floors."""

    def check(name: str, metrics: Mapping[str, float]) -> None:
        for metric, floor in floors[name].items():
            sign, bound = floor.split()
            keeps = {">=": operator.ge, "<=": operator.le}[sign]
            assert keeps(metrics[metric], float(bound)), f"{metric} is {metrics[metric]:.4g}"

    return check


@pytest.fixture(autouse=True)
def no_store_left_behind() -> Iterator[None]:
    """MLflow writes a store that a test sets into the environment, where the next test's runs would find it."""
    yield
    import mlflow

    mlflow.set_tracking_uri(None)


@pytest.fixture
def served() -> Iterator[Callable[[Any], Ask]]:
    """Puts a model behind MLflow's own server, on a free port of this machine, until the test ends."""
    with ExitStack() as servers:

        def serve(model: Any) -> Ask:
            address = servers.enter_context(_server(model))
            return lambda body: _ask(address, body)

        yield serve


@contextmanager
def _server(model: Any) -> Iterator[str]:
    import uvicorn
    from mlflow.pyfunc import scoring_server

    server = uvicorn.Server(uvicorn.Config(scoring_server.init(model), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        limit = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < limit
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _ask(address: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{address}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())["predictions"]
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
