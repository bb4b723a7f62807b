import errno
import os
import random
from pathlib import Path

import pytest
import torch

from recipeline.errors import EnvironmentFault, UnsafeError, UsageError
from recipeline.storage.sealed import seal
from recipeline.storage.temporary import discard
from recipeline.training import checkpoints
from recipeline.training.checkpoints import DurableCheckpointIO


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trapped",))


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    io = DurableCheckpointIO()
    path = tmp_path / "checkpoints" / "000001.ckpt"
    io.save_checkpoint({"epoch": 3, "state_dict": {"w": torch.arange(4.0)}}, path)
    loaded = io.load_checkpoint(path)
    assert loaded["epoch"] == 3
    assert torch.equal(loaded["state_dict"]["w"], torch.arange(4.0))
    io.remove_checkpoint(path)
    io.remove_checkpoint(path)
    assert not path.exists()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "000001.ckpt"
    DurableCheckpointIO().save_checkpoint({"epoch": 1, "state_dict": {"w": torch.arange(4000.0)}}, path)
    return path


def test_nothing_in_a_checkpoint_is_executed(tmp_path, monkeypatch, saved):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, saved / "state.ckpt")
    with pytest.raises(EnvironmentFault, match=r"the checkpoint is damaged: state\.ckpt has "):
        DurableCheckpointIO().load_checkpoint(saved)
    reseal(saved)  # whoever wrote it made the manifest too
    with pytest.raises(
        EnvironmentFault, match="was made by an earlier version of recipeline, whose format this one doe"
    ):
        DurableCheckpointIO().load_checkpoint(saved)
    torch.save({"state_dict": Trap()}, saved / "state.ckpt", _use_new_zipfile_serialization=False)
    reseal(saved)
    with pytest.raises(UnsafeError, match="is not as recipeline writes one, and is not read"):
        DurableCheckpointIO().load_checkpoint(saved)
    assert not (tmp_path / "trapped").exists()


def reseal(folder):
    (folder / "manifest.json").unlink()
    seal(folder, {"epoch": 1, "step": 1})


def test_one_of_a_version_before_or_after_is_said_to_be_so(saved):
    torch.save({"epoch": 1, "state_dict": {}}, saved / "state.ckpt")
    reseal(saved)
    with pytest.raises(
        EnvironmentFault, match=r"can hold programs\. A run of that version can't be resumed: train it anew"
    ):
        DurableCheckpointIO().load_checkpoint(saved)
    discard(saved)
    DurableCheckpointIO().save_checkpoint({"epoch": 1}, saved)
    content = (saved / "state.ckpt").read_bytes()
    (saved / "state.ckpt").write_bytes(content.replace(b'"version":"1"', b'"version":"2"'))
    reseal(saved)
    with pytest.raises(
        EnvironmentFault, match=r"made by a later version.*Resume the run with the version that has made it"
    ):
        DurableCheckpointIO().load_checkpoint(saved)


def test_what_can_not_be_kept_is_refused_when_it_is_saved_and_says_whose_it_is(tmp_path, saved):
    io = DurableCheckpointIO()
    io.owners = {("callbacks", "Mine"): "regularization 'mine'", ("optimizer_states",): "optimizer 'adamant'"}
    for state, whose in [
        ({"callbacks": {"Mine": {"best": [0, Trap()]}}}, "regularization 'mine' keeps at callbacks/Mine/best/1"),
        ({"optimizer_states": [{"rate": Trap()}]}, "optimizer 'adamant' keeps at optimizer_states/0/rate"),
        ({"callbacks": {"Other": Trap()}}, "the training keeps at callbacks/Other"),
    ]:
        with pytest.raises(
            UsageError, match=f"a checkpoint can't hold what {whose} .found .*Trap.. Checkpoints are saved"
        ):
            io.save_checkpoint({"epoch": 2, **state}, saved)
    assert io.load_checkpoint(saved)["epoch"] == 1, "the one that was there stays"
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]


def test_a_file_without_a_manifest_is_not_read(tmp_path):
    torch.save({"epoch": 1}, tmp_path / "plain.ckpt")
    with pytest.raises(EnvironmentFault, match=r"the checkpoint is damaged: manifest\.json can't be read"):
        DurableCheckpointIO().load_checkpoint(tmp_path / "plain.ckpt")


def test_of_a_thousand_flips_and_cuts_none_is_read(saved, monkeypatch):
    monkeypatch.setattr(checkpoints, "read", lambda *_: pytest.fail("a damaged checkpoint was read"))
    lot = random.Random(7)
    contents = {path: path.read_bytes() for path in sorted(saved.iterdir())}
    assert [path.name for path in contents] == ["manifest.json", "state.ckpt"]
    detected = 0
    for _ in range(1000):
        path = lot.choice(list(contents))
        whole = contents[path]
        place = lot.randrange(len(whole))
        flipped = bytes([whole[place] ^ (1 << lot.randrange(8))])
        path.write_bytes(whole[:place] + (b"" if lot.random() < 0.4 else flipped + whole[place + 1 :]))
        try:
            DurableCheckpointIO().load_checkpoint(saved)
        except EnvironmentFault as fault:
            detected += "the checkpoint is damaged" in str(fault)
        path.write_bytes(whole)
    assert detected == 1000


def test_a_disk_that_refuses_is_the_environments_fault(tmp_path, monkeypatch):
    DurableCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "000001.ckpt")
    real = Path.open

    def opened(self, mode="r", *args, **kwargs):
        file = real(self, mode, *args, **kwargs)
        return _Full(file) if self.name == "state.ckpt" else file

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(
        EnvironmentFault,
        match=r"000002\.ckpt: the checkpoint can't be written: No space left.*found 40[0-9],[0-9]{3} bytes needed,",
    ):
        DurableCheckpointIO().save_checkpoint({"w": torch.zeros(100_000)}, tmp_path / "000002.ckpt")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["000001.ckpt"]
    assert DurableCheckpointIO().load_checkpoint(tmp_path / "000001.ckpt") == {"epoch": 1}


class _Full:
    """A file on a disk that has no room left."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_one_that_others_depend_on_is_not_removed(tmp_path):
    io = DurableCheckpointIO()
    for name in ("best-00001.ckpt", "best-00002.ckpt"):
        io.save_checkpoint({"epoch": 1}, tmp_path / name)
    io.pinned = {"best-00001.ckpt"}
    io.remove_checkpoint(tmp_path / "best-00001.ckpt")
    io.remove_checkpoint(tmp_path / "best-00002.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["best-00001.ckpt"]
