"""A sealed folder is whole or not there, and no change of it goes unseen."""

import hashlib
import json
import os
import random
from pathlib import Path

import pytest
import xxhash

from recipeline.storage import sealed
from recipeline.storage.sealed import Damaged, sealing, verify

FLIPS = 400


def make(final: Path, **files: bytes) -> Path:
    with sealing(final) as under_way:
        for name, content in files.items():
            (under_way.folder / name).write_bytes(content)
        under_way.info |= {"epoch": 3, "score": 0.1, "names": {7: "é"}, "b": 1, "a": 2}
    return final


def test_what_was_sealed_comes_back(tmp_path):
    folder = make(tmp_path / "deep" / "one", a=b"12345", b=b"")
    for thorough in (True, False):
        sealed = verify(folder, thorough=thorough)
        assert sealed.info == {"epoch": 3, "score": 0.1, "names": {"7": "é"}, "b": 1, "a": 2}
        assert list(sealed.info)[-2:] == ["b", "a"]
        assert sorted(sealed.files) == ["a", "b"]
    with sealed.open("a") as file:
        assert file.read() == b"12345"
    assert [p.name for p in folder.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("digest", ["sha256", "xxh3_128"])
def test_each_digest_tells_what_was_changed_and_is_not_taken_for_the_other(digest, tmp_path):
    with sealing(tmp_path / "one", digest=digest) as under_way:
        (under_way.folder / "a").write_bytes(b"12345")
        (under_way.folder / "b").write_bytes(b"")
    found = verify(tmp_path / "one", digest=digest)
    known = {"sha256": hashlib.sha256, "xxh3_128": xxhash.xxh3_128}[digest]
    assert {name: said[digest] for name, said in found.files.items()} == {
        "a": known(b"12345").hexdigest(),
        "b": known(b"").hexdigest(),
    }
    with found.open("a") as file:
        assert file.read() == b"12345"
    other = {"sha256": "xxh3_128", "xxh3_128": "sha256"}[digest]
    with pytest.raises(Damaged, match=r"manifest\.json is not what was written"):
        verify(tmp_path / "one", digest=other)
    (tmp_path / "one" / "a").write_bytes(b"12354")
    with pytest.raises(Damaged, match="a is not what was written"):
        verify(tmp_path / "one", digest=digest)


def test_what_was_digested_while_it_was_written_is_not_read_again(tmp_path):
    with sealing(tmp_path / "one") as under_way:
        (under_way.folder / "a").write_bytes(b"12345")
        (under_way.folder / "b").write_bytes(b"other")
        under_way.digests["a"] = hashlib.sha256(b"12345").hexdigest()
        under_way.digests["b"] = hashlib.sha256(b"what should stand there").hexdigest()
    with pytest.raises(Damaged, match="b is not what was written"):
        verify(tmp_path / "one")
    (tmp_path / "one" / "b").write_bytes(b"what should stand there"[:5])
    assert json.loads((tmp_path / "one" / "manifest.json").read_text())["manifest"]["files"]["a"]["bytes"] == 5


def test_a_failure_leaves_nothing(tmp_path):
    def fail_half_way() -> None:
        with sealing(tmp_path / "one") as under_way:
            (under_way.folder / "a").write_bytes(b"1")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_replaced(tmp_path):
    make(tmp_path / "one", a=b"first")
    with pytest.raises(FileExistsError):
        make(tmp_path / "one", a=b"second")
    assert (verify(tmp_path / "one").folder / "a").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("at_once", [0, 32_000_000])
def test_every_file_is_synced_before_the_manifest_and_that_before_the_rename(at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(sealed, "AT_ONCE", at_once)
    events = []
    real_sync, real_rename = os.fsync, Path.rename

    def sync(handle):
        events.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real_sync(handle)

    def rename(self, to):
        events.append("rename")
        return real_rename(self, to)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    make(tmp_path / "one", a=b"1", b=b"2")
    assert (sorted(events[:2]), events[2]) == (["a", "b"], "manifest.json")
    assert events[3].startswith(".one.")
    assert events[4:] == ["rename", tmp_path.name]


def test_no_flipped_bit_and_no_cut_goes_unseen(tmp_path):
    folder = make(tmp_path / "one", a=random.Random(1).randbytes(3000), b=b"x" * 50)
    lot = random.Random(2)
    paths = sorted(folder.iterdir())
    for _ in range(FLIPS):
        path = lot.choice(paths)
        whole = path.read_bytes()
        place = lot.randrange(len(whole))
        bit = 1 << lot.randrange(8)
        changed = (
            whole[:place] if lot.random() < 0.3 else whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
        )
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            verify(folder)
        path.write_bytes(whole)
    verify(folder)


def test_a_quick_look_believes_a_large_file_that_nobody_has_touched(tmp_path):
    folder = make(tmp_path / "one", large=bytes(2_000_000), small=b"1")
    path = folder / "large"
    before = path.stat()
    path.write_bytes(b"1" + bytes(1_999_999))
    with pytest.raises(Damaged, match="large is not what was written"):
        verify(folder, thorough=False)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    verify(folder, thorough=False)
    with pytest.raises(Damaged, match="large is not what was written"):
        verify(folder)
    path.write_bytes(bytes(2_000_000))  # copied to another disk: other times, the same bytes
    verify(folder, thorough=False)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "a").unlink(), "a is missing"),
        (lambda f: (f / "more").write_text(""), "more does not belong there"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda f: (f / "manifest.json").write_text("[" * 100_000), "manifest.json is not what was written"),
        (lambda f: (f / "a").write_bytes(b"123"), "a has 3 bytes in place of 5"),
        (
            lambda f: ((f / "a").rename(f.parent / "a"), (f / "a").symlink_to(f.parent / "a")),
            "a can't be read: it is a link, not a file",
        ),
    ],
)
def test_what_is_wrong_is_said(damage, said, tmp_path):
    folder = make(tmp_path / "one", a=b"12345")
    damage(folder)
    with pytest.raises(Damaged, match=said):
        verify(folder)


def test_a_name_can_not_lead_out_of_the_folder(tmp_path):
    folder = make(tmp_path / "one", a=b"12345")
    document = json.loads((folder / "manifest.json").read_text())
    document["manifest"]["files"]["../a"] = document["manifest"]["files"].pop("a")
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(Damaged, match=r"manifest\.json is not what was written"):
        verify(folder)


def test_what_is_read_is_what_was_verified(tmp_path):
    sealed = verify(make(tmp_path / "one", a=b"12345"))
    (tmp_path / "one" / "a").write_bytes(b"54321")
    with pytest.raises(Damaged, match="a is not what was written"), sealed.open("a"):
        pass
