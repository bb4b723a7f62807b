"""A store made once and copied for each test, because making one takes seconds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recipeline.tracking import store
from recipeline.tracking.run import TrackedRun


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store without runs."""
    file = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.create_store(f"sqlite:///{file}")
    return file


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of the test's own, which is also the working folder's."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def open_run(uri: str) -> Callable[..., TrackedRun]:
    """Opens runs in that store."""

    def call(name: str = "census", experiment: str = "income", **more: object) -> TrackedRun:
        return TrackedRun.open(name=name, experiment=experiment, uri=uri, **more)

    return call
