"""Rows of unequal lengths come together in the order of their places, filled up with 0, and leave no piece behind."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xxhash

from recipeline.data.pieces import Pieces, RowFile
from recipeline.errors import EnvironmentFault
from recipeline.storage import atomic


def test_pieces_are_joined_at_their_places_and_filled_up(tmp_path):
    found = Pieces(tmp_path)
    found.add("train", "tokens", slice(1, 3), np.array([[1, 2], [3, 4]]))
    found.add("train", "tokens", slice(0, 1), np.array([[5, 6, 7]]))
    found.add("test", "tokens", slice(0, 0), np.empty((0, 9), dtype=np.int64))
    assert found.kinds == ["tokens"]
    assert found.shapes("tokens") == [(2,), (3,)]
    assert found.join("tokens", {"train": 3, "test": 0}, np.int64) == (3,)
    assert np.load(tmp_path / "train.tokens.npy").tolist() == [[5, 6, 7], [1, 2, 0], [3, 4, 0]]
    assert np.load(tmp_path / "test.tokens.npy").shape == (0, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.tokens.npy", "train.tokens.npy"]


def test_a_file_of_rows_is_an_array_once_all_are_there(tmp_path):
    with RowFile(tmp_path / "a.npy", np.float32, (3, 2)) as file:
        file.add(np.array([[1, 2], [3, 4]]))
        file.add(np.array([[5, 6]], dtype=np.float32)[:, ::-1])
    assert file.digest == xxhash.xxh3_128((tmp_path / "a.npy").read_bytes()).hexdigest()
    found = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4], [6, 5]]
    with RowFile(tmp_path / "b.npy", np.int64, (0, 4)) as file:
        file.add(np.empty((0, 4), dtype=np.int64))
    assert np.load(tmp_path / "b.npy").shape == (0, 4)
    assert file.digest == xxhash.xxh3_128((tmp_path / "b.npy").read_bytes()).hexdigest()


def test_fewer_rows_than_announced_are_no_file(tmp_path):
    with pytest.raises(AssertionError, match="as many rows"), RowFile(tmp_path / "a.npy", np.float32, (3,)) as file:
        file.add(np.zeros(2))


def test_a_full_disk_is_said_before_the_first_row(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(EnvironmentFault, match=r"the prepared data can't be written: No space .*8,1\d\d bytes needed"):
        RowFile(tmp_path / "a.npy", np.float64, (1000,))


@pytest.mark.parametrize("batches", [1, 2])
def test_what_the_disk_did_not_take_in_is_said_while_it_is_written(batches, tmp_path, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "SYNC_BYTES", 0)
    monkeypatch.setattr(os, "fsync", broken)

    def fill(syncer: ThreadPoolExecutor) -> None:
        with RowFile(tmp_path / "a.npy", np.float32, (batches,), syncer) as file:
            for _ in range(batches):
                file.add(np.zeros(1))
                early = file._file._early
                assert early is not None
                assert early._under_way is not None
                early._under_way.exception()

    said = "the prepared data can't be written: Input/output error"
    with ThreadPoolExecutor(1) as syncer, pytest.raises(EnvironmentFault, match=said):
        fill(syncer)
