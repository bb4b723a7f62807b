"""Entries of the cache are whole or not there."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from recipeline.data import cache
from recipeline.errors import EnvironmentFault
from recipeline.storage.sealed import Sealed


def write(content: str) -> Any:
    def build(under_way: Sealed) -> dict[str, Any]:
        (under_way.folder / "content.txt").write_text(content)
        return {"content": content}

    return build


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    first = cache.obtain(tmp_path, "key", write("one"))
    second = cache.obtain(tmp_path, "key", write("two"))
    assert (first.hit, second.hit) == (False, True)
    assert second.info == {"content": "one"}
    assert (second.folder / "content.txt").read_text() == "one"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "content.txt").write_text("cut"),
        lambda folder: (folder / "content.txt").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "more.txt").write_text("more"),
    ],
)
def test_a_damaged_entry_is_made_again_and_says_so(tmp_path: Path, damage: Any) -> None:
    folder = cache.obtain(tmp_path, "key", write("one")).folder
    damage(folder)
    again = cache.obtain(tmp_path, "key", write("two"))
    assert (again.hit, again.repaired) == (False, True)
    assert (again.folder / "content.txt").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_is_surely_not_there_is_known_by_a_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.surely_lacks(tmp_path / "none", "settings", "a")
    cache.obtain(tmp_path, "one", write("1"), {"settings": "a", "data": "x"})
    cache.obtain(tmp_path, "two", write("2"), {"settings": "b", "data": "y"})
    cache.obtain(tmp_path, "three", write("3"))
    assert [cache.surely_lacks(tmp_path, "settings", made) for made in "abc"] == [False, False, True]
    (tmp_path / "one" / "content.txt").unlink()  # damaged, and still one to be made again
    assert not cache.surely_lacks(tmp_path, "settings", "a")
    (tmp_path / "two" / "manifest.json").write_text("{")
    assert cache.surely_lacks(tmp_path, "settings", "b")
    monkeypatch.setattr(cache, "ASKED", 2)
    assert not cache.surely_lacks(tmp_path, "settings", "c")  # too many to ask


def test_what_a_killed_build_left_is_cleared_away_at_the_next(tmp_path: Path) -> None:
    cache.obtain(tmp_path, "key", write("one"))
    code = "from pathlib import Path; from recipeline.storage.temporary import *; print(temporary_beside(Path('key')))"
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / made).mkdir()
    cache.obtain(tmp_path, "key", write("one"))
    assert (tmp_path / made).exists()  # a hit costs no look around
    cache.obtain(tmp_path, "other", write("two"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "other"]


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(under_way: Sealed) -> dict[str, Any]:
        (under_way.folder / "content.txt").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.obtain(tmp_path, "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_builders_at_the_same_time_share_the_first_ones_entry(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    found: list[cache.Entry] = []

    def build(under_way: Sealed) -> dict[str, Any]:
        barrier.wait(10)
        (under_way.folder / "content.txt").write_text("same")
        return {}

    threads = [threading.Thread(target=lambda: found.append(cache.obtain(tmp_path, "key", build))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.folder for entry in found} == {tmp_path / "key"}
    assert sum(not entry.hit for entry in found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_cache_that_cannot_be_written_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match=r"cache can't be written.*RECIPELINE_HOME"):
        cache.obtain(tmp_path / "file" / "below", "key", write("one"))


def test_an_address_is_that_of_the_content() -> None:
    assert cache.address({"a": 1, "b": [2]}) == cache.address({"b": [2], "a": 1})
    assert cache.address({"a": 1}) != cache.address({"a": 2})


def test_a_new_entry_says_in_what_it_differs_from_the_nearest(tmp_path: Path) -> None:
    parts = {"the data": "1", "the split": "2", "the target": "3", "preprocessing[0] (impute)": "4"}

    def made(key: str, **other: str) -> cache.Entry:
        return cache.obtain(tmp_path, key, write(key), {**parts, **{k.replace("_", " "): v for k, v in other.items()}})

    assert made("a").changed == ()
    assert made("b", the_split="9").changed == ("the split",)
    assert made("c", the_split="9", the_data="8").changed == ("the data",)
    assert made("c", the_split="9", the_data="8").changed == ()
    assert made("d", the_step="5").changed == ("the step",)
    assert made("e", the_data="7", the_split="7", the_target="7").changed == ()
    assert cache.obtain(tmp_path, "f", write("f")).changed == ()


def test_a_new_folder_is_looked_at_while_it_is_sealed(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(folder: Path) -> None:
        seen.append((folder / "content.txt").read_text())

    for _ in range(2):
        cache.obtain(tmp_path, "key", write("one"), meanwhile=look)
    assert seen == ["one"]


def test_a_look_that_fails_leaves_no_entry(tmp_path: Path) -> None:
    def look(_: Path) -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        cache.obtain(tmp_path, "key", write("one"), meanwhile=look)
    assert cache.look_up(tmp_path, "key") is None
    assert not list(tmp_path.iterdir())
