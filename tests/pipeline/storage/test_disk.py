"""A disk that takes no more: the message says where, and how much is missing."""

import errno
import os

import pytest

from recipeline.errors import EnvironmentFault
from recipeline.storage.disk import not_written, reserve


def test_a_full_disk_is_said_with_its_numbers(tmp_path):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fault = not_written("the checkpoint", tmp_path / "none" / "x", error, needed=1234567, advice="Then resume.")
    assert fault.exit_code == 4
    assert f"{tmp_path}/none/x: the checkpoint can't be written: No space left on device" in str(fault)
    assert "1,234,567 bytes needed, " in str(fault)
    assert " free). Free some space there. Then resume." in str(fault)


def test_a_broken_disk_is_not_told_to_make_room(tmp_path):
    said = str(not_written("the cache", tmp_path, OSError(errno.EIO, os.strerror(errno.EIO))))
    assert "Input/output error" in said
    assert "See whether the disk is in order." in said


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves nothing")
def test_a_mapped_file_gets_its_room_or_says_that_there_is_none(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        file.truncate(1_000_000)
    assert path.stat().st_blocks == 0
    reserve(path, "the prepared data")
    assert path.stat().st_blocks * 512 >= 1_000_000

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(EnvironmentFault, match=r"a\.npy: the prepared data can't be written.*1,000,000 bytes needed"):
        reserve(path, "the prepared data")
