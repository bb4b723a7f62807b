"""Which store is meant, and that it is there."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipeline.errors import EnvironmentFault, UsageError
from recipeline.tracking import store
from recipeline.tracking.find import find_run


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_default_is_mlflows_own_in_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert store.tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert store.tracking_uri("sqlite:///sub/runs.db") == f"sqlite:///{tmp_path}/sub/runs.db"
    assert store.tracking_uri("sqlite:////else/where.db") == "sqlite:////else/where.db"


def test_the_environment_comes_before_the_recipe(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store.tracking_uri("sqlite:///runs.db") == "http://127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", " ")
    assert store.tracking_uri("http://server") == "http://server"


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "/tmp/mlruns", "C:\\runs"])
def test_folders_are_refused_because_mlflow_does(uri, monkeypatch):
    with pytest.raises(UsageError, match=r"tracking.uri: MLflow no longer keeps runs in plain folders .*sqlite:///"):
        store.tracking_uri(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UsageError, match=r"MLFLOW_TRACKING_URI: MLflow no longer"):
        store.tracking_uri()


def test_a_password_is_not_shown():
    assert store.shown("postgresql://ann:secret@host/db") == "postgresql://ann:***@host/db"
    assert store.shown("http://host:5000") == "http://host:5000"
    assert store.shown("sqlite:////a/b.db") == "sqlite:////a/b.db"


def test_only_sqlite_has_a_file():
    assert store.database_file("sqlite:////a/b%20c.db") == Path("/a/b%20c.db")
    assert store.database_file("http://host") is None
    assert store.database_file("sqlite:///:memory:") is None


def test_telemetry_is_off_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    store.prepare_environment()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    store.prepare_environment()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_importing_tracking_does_not_import_mlflow():
    modules = "store, run, find, compare, flatten, facts, note, outbox, ui"
    code = f"from recipeline.tracking import {modules}; import sys; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_several_processes_may_make_the_store_at_once(tmp_path):
    uri = f"sqlite:///{tmp_path / 'a folder' / 'mlflow.db'}"
    code = f"from recipeline.tracking.store import create_store; create_store({uri!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    words = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], words
    assert [path.name for path in (tmp_path / "a folder").iterdir()] == ["mlflow.db"]


def test_who_is_killed_while_making_the_store_leaves_none_that_is_half_made(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    killed = """
import os, signal, sqlite3
import sqlalchemy
from recipeline.tracking.store import create_store

@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "before_cursor_execute")
def half_way(connection, cursor, statement, *_):
    if "CREATE TABLE metrics" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

"""
    code = f"{killed}\ncreate_store({uri!r})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "mlflow.db").exists()
    store.create_store(uri)
    assert store.connect(uri).search_experiments(max_results=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_store_that_does_not_work_says_what_to_do(uri, tmp_path):
    wrong = tmp_path / "wrong.db"
    wrong.write_text("no database at all, but long enough to look at" * 20)
    with pytest.raises(EnvironmentFault, match=r"does not work .*file is not a database.* Name another file"):
        store.create_store(f"sqlite:///{wrong}")

    old = sqlite3.connect(tmp_path / "mlflow.db")
    old.execute("update alembic_version set version_num = '451aebb31d03'")
    old.commit()
    old.close()
    with pytest.raises(EnvironmentFault, match=r"An older MLflow made it. Save a copy, then run: mlflow db upgrade"):
        store.create_store(uri)


def test_a_server_that_does_not_answer_says_so_at_once(monkeypatch):
    began = time.monotonic()
    with pytest.raises(
        EnvironmentFault,
        match=r"^no MLflow server answers at http://ann:\*\*\*@127.0.0.1:9: connection refused. .*recipeline doctor",
    ):
        store.create_store("http://ann:secret@127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match="no MLflow server answers"):
        find_run("last", "http://127.0.0.1:9")
    assert time.monotonic() - began < 5, "MLflow's own attempts take longer"


def test_a_server_behind_a_proxy_is_left_to_mlflow(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    store.check_server("http://mlflow.example.org:5000")
    store.check_server("databricks://profile")


def test_a_store_that_mlflow_knows_by_a_word_is_taken(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    assert store.tracking_uri() == "databricks"


def test_a_missing_driver_is_named_with_its_package():
    with pytest.raises(EnvironmentFault) as caught, store.faults("postgresql://ann:secret@host/runs"):
        raise ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2")
    assert str(caught.value) == (
        "the MLflow store postgresql://ann:***@host/runs needs the package 'psycopg2', which is not installed. "
        "Install it with: pip install psycopg2-binary"
    )
