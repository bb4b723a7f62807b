"""MLflow's global store, changed for a while."""

import os

import mlflow
import pytest

from recipeline.serving.store import as_default


def test_everything_is_as_it_was_afterwards(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    mine = f"sqlite:///{tmp_path / 'mine.db'}"

    def fail():
        with as_default(mine):
            assert mlflow.get_tracking_uri() == mine
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert mlflow.get_tracking_uri() == "http://127.0.0.1:9"
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with as_default(mine):
        assert os.environ["MLFLOW_TRACKING_URI"] == mine
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_none_changes_nothing():
    before = mlflow.get_tracking_uri()
    with as_default(None):
        assert mlflow.get_tracking_uri() == before
