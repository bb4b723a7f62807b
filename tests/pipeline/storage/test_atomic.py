import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recipeline.storage import atomic
from recipeline.storage.atomic import EarlySync, replacing, write_bytes, write_text


def test_new_content_takes_the_place_of_the_old(tmp_path: Path):
    path = tmp_path / "deep" / "state.json"
    write_text(path, "old")
    write_text(path, "né")
    assert path.read_bytes() == "né".encode()
    assert [p.name for p in path.parent.iterdir()] == ["state.json"]


def test_a_failure_while_writing_leaves_the_old_content_and_no_litter(tmp_path: Path):
    path = tmp_path / "state.json"
    write_bytes(path, b"old")

    def fail_half_way() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_the_file_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path: Path, monkeypatch):
    events = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("sync"), real_sync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), real_replace(self, to))[1])
    write_bytes(tmp_path / "x", b"1")
    assert events == ["sync", "rename", "sync"]


def test_others_may_read_the_file(tmp_path: Path):
    write_bytes(tmp_path / "x", b"1")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_the_disk_is_asked_while_more_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[Path] = []
    monkeypatch.setattr(atomic, "SYNC_BYTES", 10)
    monkeypatch.setattr(atomic, "sync_file", asked.append)
    with ThreadPoolExecutor(1) as syncer:
        early = EarlySync(tmp_path / "a", syncer)
        for count in (10, 1, 5, 6):
            early.wrote(count)
            early.wait()
    assert asked == [tmp_path / "a"] * 2


def test_what_the_disk_lost_is_said_by_the_next_who_writes_or_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "SYNC_BYTES", 0)
    monkeypatch.setattr(atomic, "sync_file", broken)
    with ThreadPoolExecutor(1) as syncer:
        waiting, writing = EarlySync(tmp_path / "a", syncer), EarlySync(tmp_path / "b", syncer)
        waiting.wrote(1)
        with pytest.raises(OSError, match="Input/output"):
            waiting.wait()
        writing.wrote(1)
        syncer.submit(int).result()  # what was asked before is over
        with pytest.raises(OSError, match="Input/output"):
            writing.wrote(1)
