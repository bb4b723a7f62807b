"""What the engine's tests start from: a good recipe that sets everything, catalogs made by hand, a model's server."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy
import pytest

from recipeline import hooks
from recipeline.catalog import Catalog, Entry
from recipeline.errors import RecipeError
from recipeline.recipe.load import parse
from recipeline.tracking.note import SERVING_PORT, serve_command

GOOD = """\
# yaml-language-server: $schema=./recipe.schema.json
recipe: 1
name: census
description: Two hidden layers.
seed: 7
data:
  source:
    type: csv
    path: census.csv
    separator: ","
  target: income
  task: binary
  columns:
    zip: categorical
    id: ignore
  split:
    type: random
    train: 0.7
    validation: 0.15
    test: 0.15
    stratify: true
preprocessing:
  - drop_duplicates
  - type: impute
    columns: numeric
    strategy: median
  - {type: standardize, columns: numeric}
  - type: one_hot
    columns: [categorical, boolean]
architecture:
  type: mlp
  hidden: [256, 128]
  activation: relu
  normalization: batch
  dropout: 0.5
loss: cross_entropy
optimizer:
  type: adam
  lr: 0.001
scheduler:
  type: exponential
  gamma: 0.95
regularization:
  - type: l2
    weight: 1e-4
  - type: early_stopping
    monitor: val/loss
    patience: 5
metrics: [accuracy, f1]
training:
  epochs: 20
  batch_size: 32
  accelerator: cpu
  devices: 1
  strategy: auto
  precision: 32-true
  accumulate: 1
  threads: auto
  deterministic: true
  monitor: val/loss
  mode: min
tracking:
  experiment: census
  uri: sqlite:///mlflow.db
  register_as: census
  tags: {team: red}
  system_metrics: false
reports: [curves, confusion_matrix]
"""


@pytest.fixture
def good():
    """A recipe that is right and sets every section."""
    return GOOD


@pytest.fixture
def good_file(tmp_path) -> Path:
    """The good recipe as a file."""
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def problems_of():
    """What is wrong with a text: its problems, none when it is right."""

    def check(text, *overrides, **options):
        try:
            parse(text, "r.yaml", overrides, **options)
        except RecipeError as error:
            return error.problems
        return []

    return check


@pytest.fixture
def catalog_of():
    """A catalog of the classes given; a tuple of name, version and class says whose a class is."""

    def make(*plugins):
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        catalog = Catalog(manager)
        for plugin in plugins:
            distribution, version, cls = plugin if isinstance(plugin, tuple) else ("toys", "1.0", plugin)
            entry = Entry(cls.family, cls.plugin_name, distribution, version, cls)
            catalog.entries.setdefault((cls.family, cls.plugin_name), []).append(entry)
        return catalog

    return make


@contextlib.contextmanager
def serving(model_uri: str, tracking_uri: str, **environment: str) -> Iterator[str]:
    """The command that a run's note gives, as pasted in a fresh shell elsewhere, but on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = serve_command(model_uri, tracking_uri).replace(f"-p {SERVING_PORT}", f"-p {port} -w 1")
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=tempfile.gettempdir(),
        env={
            **{name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
            # As in a shell where the environment has been activated.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **environment,
        },
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        limit = time.monotonic() + 90
        while True:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < limit, "the server does not answer"
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=2)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def serve() -> Callable[..., contextlib.AbstractContextManager[str]]:
    """Serves a model while a block lasts: `with serve(model_uri, tracking_uri) as address`."""
    return serving
