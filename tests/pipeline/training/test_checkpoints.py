import os
import pickle

import pytest
import torch

from recipeline.errors import EnvironmentFault
from recipeline.training.checkpoints import DurableCheckpointIO


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trapped",))


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    io = DurableCheckpointIO()
    path = tmp_path / "checkpoints" / "best.ckpt"
    io.save_checkpoint({"epoch": 3, "state_dict": {"w": torch.arange(4.0)}}, path)
    loaded = io.load_checkpoint(path)
    assert loaded["epoch"] == 3
    assert torch.equal(loaded["state_dict"]["w"], torch.arange(4.0))
    io.remove_checkpoint(path)
    io.remove_checkpoint(path)
    assert not path.exists()


def test_nothing_in_a_checkpoint_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, tmp_path / "evil.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        DurableCheckpointIO().load_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "trapped").exists()


def test_a_disk_that_refuses_is_the_environments_fault(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(EnvironmentFault, match=r"best\.ckpt.*No space left on device.*Free some space"):
        DurableCheckpointIO().save_checkpoint({}, tmp_path / "best.ckpt")
    assert list(tmp_path.iterdir()) == []
