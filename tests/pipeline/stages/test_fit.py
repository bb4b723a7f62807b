"""What is settled before a training begins."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from recipeline.errors import EnvironmentFault
from recipeline.recipe.model import CheckpointSettings
from recipeline.stages import fit
from recipeline.training.checkpoints import DurableCheckpointIO
from recipeline.training.keeper import Keeper


class Begun(Exception):
    """The training has begun."""


class Own:
    """A strategy with a way of its own."""

    launcher = None

    def load_checkpoint(self, path):
        raise AssertionError("it was read")


@pytest.fixture
def job(tmp_path):
    """One whose training begins, and goes no further."""
    keeper = Keeper(tmp_path, CheckpointSettings(), DurableCheckpointIO())

    def begin(*_, **__):
        raise Begun

    trainer = SimpleNamespace(world_size=2, callbacks=[keeper.between], strategy=Own(), fit=begin)
    told = []
    return SimpleNamespace(
        trainer=trainer, module=object(), datamodule=None, memo=None, folder=tmp_path, checkpoint=None, kept={},
        recipe=SimpleNamespace(training=SimpleNamespace(compile=False)), abandon=None,
        run=SimpleNamespace(shared_by=told.append), told=told,
    )  # fmt: skip


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_says_how_many_processes_train_it(job, processes):
    job.trainer.world_size = processes
    with pytest.raises(Begun):
        fit.run(job)
    assert job.told == [processes]


def test_another_process_than_the_first_says_nothing(job):
    job.run = None
    with pytest.raises(Begun):
        fit.run(job)


def test_no_strategy_reads_a_checkpoint_by_itself(job):
    job.checkpoint = Path("000001.ckpt")
    with pytest.raises(EnvironmentFault, match="reads checkpoints in a way of its own, by pickle"):
        fit.run(job)
