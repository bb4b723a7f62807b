"""The trainer says what this machine can't do before anything starts."""

import os
import warnings

import pytest
import pytorch_lightning as pl
from pytorch_lightning.strategies import SingleDeviceStrategy

from recipeline.errors import EnvironmentFault, UsageError
from recipeline.recipe.load import parse
from recipeline.training.observer import Observer
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import check_reading, make_trainer

RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
"""


def trainer(folder, *overrides):
    recipe = parse(RECIPE, "r.yaml", overrides).recipe
    return make_trainer(recipe, folder=folder, logger=None, observer=Observer())


def test_more_processes_than_cores_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(EnvironmentFault) as caught:
        trainer(tmp_path, "training.accelerator=cpu", "training.devices=99")
    assert str(caught.value) == (
        "training.devices: on a CPU every device is a process, and this machine has 2 cores (found 99). "
        "Take 2 at most; 1 is fastest for small models."
    )
    assert trainer(tmp_path, "training.accelerator=cpu", "training.devices=1").num_devices == 1


def test_a_device_that_is_not_there_is_a_fault_of_the_environment(tmp_path):
    with pytest.raises(EnvironmentFault, match=r"Lightning can't train this way here: .*accelerator: tpu.*doctor"):
        trainer(tmp_path, "training.accelerator=tpu")


@pytest.mark.filterwarnings("ignore:You passed")
def test_a_precision_that_lightning_would_exchange_is_refused(tmp_path):
    with pytest.raises(EnvironmentFault) as caught:
        trainer(tmp_path, "training.accelerator=cpu", "training.precision=16-mixed")
    assert str(caught.value) == (
        "training.precision: this device can't train in this precision (found 16-mixed). Take bf16-mixed or 32-true."
    )
    assert trainer(tmp_path, "training.accelerator=cpu", "training.precision=bf16-mixed").precision == "bf16-mixed"


def test_lightnings_warnings_that_mean_nothing_are_quiet():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with as_it_was():
            warnings.warn("Total length of `list` across ranks is zero. Please make sure.", UserWarning, stacklevel=1)
            warnings.warn("something that matters", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in told] == ["something that matters"]


def test_what_can_not_be_kept_is_laid_to_its_plugin(tmp_path):
    class Mine(pl.Callback):
        def state_dict(self):
            return {"best": {0.5: {1, print}}}

    recipe = parse(RECIPE, "r.yaml", ["regularization=[weight_averaging]", "optimizer=adam", "scheduler=cosine"]).recipe
    made = make_trainer(recipe, folder=tmp_path, logger=None, observer=Observer(), extra=[Mine()])
    io = made.strategy.checkpoint_io
    for place, whose in [
        (("callbacks", "AverageWeights"), "regularization 'weight_averaging'"),
        (("callbacks", "Mine"), "the callback Mine"),
        (("optimizer_states", "0"), "optimizer 'adam'"),
        (("lr_schedulers", "0"), "scheduler 'cosine'"),
        (("state_dict", "network.extra"), "architecture 'linear'"),
        (("loops", "fit_loop"), "the training"),
    ]:
        (name,) = [each.state_key for each in made.callbacks if each.state_key.endswith(place[1])] or [place[1]]
        with pytest.raises(
            UsageError, match=rf"hold what {whose} keeps at {place[0]}/.*found builtin_function_or_metho"
        ):
            io.save_checkpoint({place[0]: {name: {"x": print}}}, tmp_path / "000001.ckpt")


def test_a_strategy_that_reads_checkpoints_by_itself_resumes_nothing(tmp_path):
    made = trainer(tmp_path, "training.accelerator=cpu")
    check_reading(made)

    class Own(SingleDeviceStrategy):
        def load_checkpoint(self, checkpoint_path, weights_only=None):
            raise AssertionError("it was read by pickle")

    made.strategy.__class__ = Own
    with pytest.raises(
        EnvironmentFault, match=r"training\.strategy: a training by this strategy can't be resumed.*Own"
    ):
        check_reading(made)
