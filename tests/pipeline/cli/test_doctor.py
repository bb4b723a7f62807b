"""`recipeline doctor`: what works, what doesn't, and what to do."""

import json
from collections import namedtuple

import pytest

from recipeline import catalog
from recipeline.catalog import Broken, Entry
from recipeline.cli import doctor
from recipeline.cli.main import main
from recipeline.families.plugin import PluginReference


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RECIPELINE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def look(capsys):
    """Runs the command and returns its exit code and its checks by name."""

    def call():
        code = main(["doctor", "--json"])
        document = json.loads(capsys.readouterr().out)
        assert document["works"] == (code == 0)
        return code, {check["name"]: check for check in document["checks"]}

    return call


def test_a_machine_where_everything_works(look, tmp_path):
    code, checks = look()
    assert code == 0
    for name in ("recipeline", "python", "torch", "mlflow", "cpu", "store", "plugins", "cache and runs"):
        assert checks[name]["state"] == "works", checks[name]
    assert checks["store"]["found"] == f"sqlite:///{tmp_path}/mlflow.db (made by the first run)"
    assert checks["MLflow's telemetry"]["found"] == "off"
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_people_get_a_table_and_a_last_line(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["ok", "torch"] for line in lines)
    assert lines[-1] == "Everything that a run needs works."


def test_a_store_that_does_not_work_is_broken_with_advice(look, tmp_path, capsys):
    (tmp_path / "mlflow.db").write_text("this is no database, whatever its name says" * 20)
    code, checks = look()
    assert code == 4
    assert checks["store"]["state"] == "broken"
    assert checks["store"]["found"] == f"the MLflow store sqlite:///{tmp_path}/mlflow.db does not work"
    assert checks["store"]["advice"].startswith("Name another file, or move this one away. (")
    assert "file is not a database" in checks["store"]["advice"]
    assert main(["doctor"]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Broken: store."
    assert any(line.startswith("store: Name another file") for line in lines)


def test_a_server_that_is_down_is_broken_in_few_words(look, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, checks = look()
    assert code == 4
    assert checks["store"]["found"] == "no MLflow server answers at http://127.0.0.1:9: connection refused"


def test_a_store_that_is_named_wrongly_is_broken(look, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    code, checks = look()
    assert code == 4
    assert "plain folders" in checks["store"]["found"]


def test_broken_and_clashing_plugins_are_named_by_distribution(look, monkeypatch):
    made = catalog.build(catalog.entry_points(group="recipeline"))
    made.broken.append(Broken("their-losses", "1.2", "losses", "ImportError: no module named 'gone'"))
    reference = PluginReference("loss", "huber", "theirs:Huber")
    made.entries["loss", "huber"].append(Entry("loss", "huber", "their-losses", "1.2", reference))
    monkeypatch.setattr(catalog, "installed", lambda: made)
    code, checks = look()
    assert code == 0, "a run that names neither is not harmed"
    broken = checks["plugin their-losses"]
    assert broken["state"] == "note"
    assert "their-losses 1.2 (losses) fails to load: ImportError: no module named 'gone'" in broken["found"]
    assert "pip uninstall their-losses" in broken["advice"]
    clash = checks["loss huber"]
    assert "recipeline 0.1.0 and their-losses 1.2" in clash["found"]
    assert clash["advice"] == "Write 'recipeline/huber' or 'their-losses/huber'."


def test_our_own_broken_plugins_are_broken(look, monkeypatch):
    made = catalog.build([])
    made.broken.append(Broken("recipeline", "0.1.0", "loss", "SyntaxError: x"))
    monkeypatch.setattr(catalog, "installed", lambda: made)
    code, checks = look()
    assert code == 4
    assert checks["plugins"]["state"] == checks["plugin recipeline"]["state"] == "broken"


def test_a_missing_library_gives_the_command_that_installs_it(look, monkeypatch):
    monkeypatch.setattr(doctor, "LIBRARIES", ("torch", "not-there-at-all"))
    code, checks = look()
    assert code == 4
    assert checks["not-there-at-all"]["advice"] == "pip install not-there-at-all"


def test_little_disk_is_noted(look, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: usage(10**12, 10**12, 5 * 10**8))
    code, checks = look()
    assert code == 0
    assert checks["disk here"]["state"] == "note"
    assert "0.5 GB free" in checks["disk here"]["found"]


def test_telemetry_that_is_on_is_noted(look, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert look()[1]["MLflow's telemetry"]["state"] == "note"


def test_a_check_that_falls_over_does_not_take_the_others_along(look, monkeypatch):
    def falls():
        raise RuntimeError("driver")

    monkeypatch.setattr("torch.cuda.is_available", falls)
    code, checks = look()
    assert code == 4
    assert checks["devices"]["found"] == "RuntimeError: driver"
    assert checks["store"]["state"] == "works"


@pytest.mark.parametrize("home", ["a_file", "/proc/nowhere"])
def test_a_folder_that_cant_be_written_is_broken(look, monkeypatch, tmp_path, home):
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("RECIPELINE_HOME", home)
    code, checks = look()
    assert code == 4
    assert checks["cache and runs"]["state"] == "broken"
    assert "RECIPELINE_HOME" in checks["cache and runs"]["advice"]
