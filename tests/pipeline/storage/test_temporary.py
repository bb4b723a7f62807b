"""Temporary names say whose they are: a dead process's files go, a living one's stay."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipeline.storage import temporary
from recipeline.storage.temporary import clear_stale, discard, is_stale, temporary_beside, temporary_folder


@pytest.fixture(scope="module")
def of_the_dead() -> str:
    """A temporary name that a process made which has ended since."""
    code = (
        "from pathlib import Path; from recipeline.storage.temporary import *; print(temporary_beside(Path('a/x.y')))"
    )
    return Path(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout).name[
        :-1
    ]


def test_what_a_dead_process_left_is_removed_and_everything_else_stays(tmp_path, of_the_dead):
    mine = temporary_beside(tmp_path / "x.y")
    mine.write_text("under way")
    (tmp_path / of_the_dead).mkdir()
    (tmp_path / of_the_dead / "half").write_text("half")
    for name in ("x.y", ".hidden", ".x.abc.tmp", ".x.y.tmp"):
        (tmp_path / name).write_text("a user's")
    assert clear_stale(tmp_path) == [tmp_path / of_the_dead]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([mine.name, "x.y", ".hidden", ".x.abc.tmp", ".x.y.tmp"])


def test_nothing_to_clear_is_no_error(tmp_path):
    assert clear_stale(tmp_path / "none") == []


def test_another_machines_files_stay(monkeypatch, of_the_dead):
    assert is_stale(of_the_dead)
    monkeypatch.setattr(temporary.platform, "node", lambda: "elsewhere")
    assert not is_stale(of_the_dead)


def test_a_containers_files_stay_though_its_machine_has_the_same_name(monkeypatch, of_the_dead):
    monkeypatch.setattr(temporary.Path, "readlink", lambda _path: Path("pid:[1]"))
    assert not is_stale(of_the_dead)


def test_a_temporary_folder_is_ones_own_and_takes_the_place_of_those_of_the_dead(tmp_path, monkeypatch, of_the_dead):
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / of_the_dead).mkdir()
    (tmp_path / "other").mkdir()
    folder, second = temporary_folder("rows"), temporary_folder("rows")
    assert folder != second
    assert sorted(tmp_path.iterdir()) == sorted([folder, second, tmp_path / "other"])
    assert folder.name.startswith(".rows.")
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the kernel does not say when a process was started")
def test_a_number_that_was_given_to_another_process_is_a_dead_ones(of_the_dead):
    host, rest = of_the_dead.split(".")[-3:-1][1].split("-", 1)
    _, started, lot = rest.split("-")
    assert is_stale(f".x.{host}-{os.getpid()}-{started}-{lot}.tmp")
    assert not is_stale(f".x.{host}-{os.getpid()}-0-{lot}.tmp")  # made where the start isn't known: it may be this one


def test_what_is_discarded_is_never_half_there(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(temporary, "_remove", lambda path: seen.append((path.name, [p.name for p in path.iterdir()])))
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "a").write_text("1")
    discard(tmp_path / "entry")
    discard(tmp_path / "entry")
    ((name, content),) = seen
    assert name.startswith(".entry.")
    assert content == ["a"]
    assert not (tmp_path / "entry").exists()
