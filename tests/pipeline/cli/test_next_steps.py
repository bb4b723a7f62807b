"""What to type next works as printed: from this folder, for this store, whatever is on the PATH."""

import os
import sys
from pathlib import Path

import pytest

from recipeline.cli import next_steps

RUN, MODEL = "0123456789abcdef", "models:/m-1"
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def typed(monkeypatch):
    """A call of this program, by these words, with these folders on the PATH."""

    def make(program, path):
        monkeypatch.setattr(sys, "argv", [program, "run", "r.yaml"])
        monkeypatch.setenv("PATH", path)

    return make


def lines(uri=None):
    return [line for line, _ in next_steps.commands(RUN, MODEL, uri or f"sqlite:///{Path.cwd()}/mlflow.db")]


def test_with_everything_on_the_path_the_commands_are_short(typed):
    typed(str(BIN / "recipeline"), f"{BIN}:/usr/bin")
    assert lines() == [
        "recipeline ui",
        "recipeline predict 01234567 DATA.csv",
        "recipeline compare 01234567 OTHER_RUN",
        "mlflow models serve -m models:/m-1 --env-manager local -p 5001",
    ]


def test_a_script_that_is_not_on_the_path_is_called_as_it_was(typed, tmp_path):
    typed(".venv/bin/recipeline", "/usr/bin")
    assert lines()[0] == ".venv/bin/recipeline ui"
    typed(str(tmp_path / "my env" / "recipeline"), "/usr/bin")
    assert lines()[0] == "'my env/recipeline' ui"
    typed("/elsewhere/bin/recipeline", "/usr/bin")
    assert lines()[0] == "/elsewhere/bin/recipeline ui"


def test_the_module_is_called_as_a_module(typed):
    typed("/x/recipeline/__main__.py", "/usr/bin")
    assert lines()[0] == f"{sys.executable} -m recipeline ui"
    typed("/x/recipeline/__main__.py", str(BIN))
    assert lines()[0] == f"{Path(sys.executable).name} -m recipeline ui"


def test_mlflow_finds_its_server_when_it_is_not_on_the_path(typed):
    typed("recipeline", "/usr/bin")
    assert lines()[-1].startswith(f"PATH={BIN}{os.pathsep}$PATH mlflow models serve -m models:/m-1 ")


def test_another_store_is_named_first(typed, tmp_path):
    typed("recipeline", str(BIN))
    assert lines("sqlite:////data/runs.db")[0] == "export MLFLOW_TRACKING_URI=sqlite:////data/runs.db"
    assert lines(f"sqlite:///{tmp_path}/other.db")[0] == f"export MLFLOW_TRACKING_URI=sqlite:///{tmp_path}/other.db"
    assert len(lines("http://127.0.0.1:5000")) == len(lines()) + 1


def test_a_password_is_never_printed(typed, capsys):
    typed("recipeline", str(BIN))
    next_steps.show(RUN, MODEL, "http://ann:secret@host:5000")
    out = capsys.readouterr().out
    assert "secret" not in out
    assert "export MLFLOW_TRACKING_URI='http://ann:***@host:5000'" in out
    assert "with the password for ***" in out


def test_the_purposes_are_comments_so_that_a_line_can_be_copied(typed, capsys):
    typed("recipeline", str(BIN))
    next_steps.show(RUN, MODEL, f"sqlite:///{Path.cwd()}/mlflow.db")
    printed = capsys.readouterr().out.splitlines()
    assert all("  # " in line for line in printed)
    assert len({line.index("  # ") for line in printed[:-1]}) == 1


def test_without_a_model_nothing_is_served():
    assert not [line for line, _ in next_steps.commands(RUN, None, "sqlite:////x.db") if "serve" in line]
