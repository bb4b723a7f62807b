import math

import pytest
import pytorch_lightning as pl
import torch

from recipeline.training.watch import EVERY, Watch


class Slope(pl.LightningModule):
    """One weight whose gradient is the batch's value."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.clip = False

    def training_step(self, batch, _):
        return (self.weight * batch[1]).mean()

    def log_train_epoch(self):
        self.log("train/loss", 1.5)
        return 8

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.125)


class Values:
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self):
        return (((), torch.full((4,), value)) for value in self.values)


class Clip(pl.Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        torch.nn.utils.clip_grad_norm_(pl_module.parameters(), 0.5)


def fit(values: list[float], tmp_path, *more: pl.Callback) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=[Watch(), *more],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Slope(), Values(values))
    return trainer


@pytest.fixture(autouse=True)
def quiet():
    import logging

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def test_rate_speed_and_mean_norm_are_logged(tmp_path):
    measured = fit([3.0, *[100.0] * (EVERY - 1), 5.0], tmp_path).callback_metrics
    assert float(measured["grad_norm"]) == pytest.approx(4.0)  # the steps in between are not looked at
    assert float(measured["lr"]) == 0.125
    assert float(measured["train/loss"]) == 1.5
    assert 0 < float(measured["train/examples_per_second"]) < math.inf


def test_the_norm_is_the_one_before_clipping(tmp_path):
    assert float(fit([3.0], tmp_path, Clip()).callback_metrics["grad_norm"]) == pytest.approx(3.0)
