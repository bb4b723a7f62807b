"""A file that is digested while it is written has the digest that reading it gives, and says what the disk refused."""

import errno
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xxhash

from recipeline.storage import atomic
from recipeline.storage.digested import DigestedFile


def test_the_digest_is_that_of_what_the_file_holds(tmp_path):
    file = DigestedFile(tmp_path / "a")
    assert file.write(b"few") == 3
    assert file.write(np.arange(100_000, dtype=np.int64).data) == 800_000
    assert file.write(memoryview(b"last")) == 4
    assert file.tell() == 800_007
    file.flush()
    assert (tmp_path / "a").stat().st_size == 800_007
    assert not file.closed
    file.close()
    assert file.closed
    assert file.digest == xxhash.xxh3_128((tmp_path / "a").read_bytes()).hexdigest()


def test_what_the_disk_did_not_take_in_is_said_at_the_end(tmp_path, monkeypatch):
    def broken(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "SYNC_BYTES", 0)
    monkeypatch.setattr(atomic, "sync_file", broken)
    with ThreadPoolExecutor(1) as syncer:
        file = DigestedFile(tmp_path / "a", syncer)
        file.write(b"some")
        with pytest.raises(OSError, match="Input/output error"):
            file.close()
    assert file.closed
