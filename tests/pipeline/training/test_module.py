"""What the training module does for optimizers that evaluate the loss themselves, with the engine's own loop."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import LRScheduler

import recipeline
from recipeline.recipe.load import parse
from recipeline.stages.read import complete
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.module import TrainingModule
from recipeline.training.watch import Watch

RECIPE = """
name: lines
data:
  source: {type: csv, path: rows.csv}
  target: y
  task: regression
  split: {type: random, train: 1, validation: 0, test: 0, stratify: false}
preprocessing: []
architecture: {type: linear}
loss: mse
metrics: []
reports: []
"""
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
Y = X @ np.array([2.0, 0.0, -1.0, 0.0]) + 0.5 + 0.1 * RNG.normal(size=40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "\n".join(",".join(f"{v:.17g}" for v in (*x, y)) for x, y in zip(X, Y, strict=True))
    (tmp_path / "rows.csv").write_text(f"a,b,c,d,y\n{rows}\n")
    return tmp_path


def trained(folder: Path, settings: str, epochs: int, change: Any = None) -> tuple[TrainingModule, pl.Trainer]:
    text = RECIPE + settings + f"\ntraining: {{epochs: {epochs}, batch_size: full}}\n"
    recipe = parse(text, "r.yaml", folder=folder).recipe
    data = RecipeDataModule(recipe, folder / "cache", complete)
    prepared = data.data
    module = TrainingModule(data.recipe, prepared)
    module.configure_model()
    if change is not None:
        change(module)
    torch.set_num_threads(1)
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, callbacks=[Watch()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # Lightning, of the parts that there are not
        trainer.fit(module, datamodule=data)
    return module, trainer


def weights(module: TrainingModule) -> Any:
    return np.concatenate([p.detach().double().numpy().ravel() for p in module.network.parameters()])


LEAST = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), Y, rcond=None)[0]


@pytest.mark.parametrize(("optimizer", "epochs"), [("newton", 1), ("newton_cg", 12), ("lbfgs", 3)])
def test_an_optimizer_with_a_closure_comes_to_least_squares(folder: Path, optimizer: str, epochs: int) -> None:
    module, trainer = trained(folder, f"optimizer: {optimizer}", epochs)
    np.testing.assert_allclose(weights(module), LEAST, atol=2e-4)
    assert trainer.global_step == epochs


def test_a_batch_counts_once_however_often_it_is_evaluated(folder: Path) -> None:
    _, trainer = trained(folder, "optimizer: {type: lbfgs, max_iter: 10}", 1)
    at_zero = float((Y**2).mean())
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(at_zero, rel=1e-5)
    gradient = np.r_[-2 / 40 * X.T @ Y, -2 * Y.mean()]
    assert float(trainer.callback_metrics["grad_norm"]) == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_penalties_are_part_of_what_the_closure_evaluates(folder: Path) -> None:
    module, _ = trained(folder, "optimizer: newton\nregularization: [{type: l2, weight: 0.1}]", 1)
    centered, target = X - X.mean(axis=0), Y - Y.mean()
    ridge = np.linalg.solve(centered.T @ centered + 0.1 * 40 * np.eye(4), centered.T @ target)
    np.testing.assert_allclose(weights(module)[:4], ridge, atol=1e-5)


def test_a_penalty_that_is_taken_over_makes_exact_zeros_and_leaves_the_loss(folder: Path) -> None:
    settings = "optimizer: {type: proximal_gradient, lr: 0.2}\nregularization: [{type: l1, weight: 0.3}]"
    module, trainer = trained(folder, settings, 150)
    from sklearn.linear_model import Lasso

    expected = Lasso(alpha=0.15, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(weights(module)[:4], expected.coef_, atol=1e-4)
    assert ((weights(module)[:4] == 0) == (expected.coef_ == 0)).all()
    assert (expected.coef_ == 0).any()
    assert float(trainer.callback_metrics["grad_norm"]) > 0.2  # of the loss alone: at the lasso's minimum it isn't 0


def test_a_penalty_that_nobody_takes_over_stays_in_the_loss(folder: Path) -> None:
    module, _ = trained(folder, "optimizer: {type: sgd, lr: 0.1}\nregularization: [{type: l1, weight: 100.0}]", 3)
    assert np.abs(weights(module)[:4]).max() > 1  # thrown to and fro by it


def test_between_steps_the_network_holds_the_subgradients_best_point(folder: Path) -> None:
    module, trainer = trained(folder, "optimizer: {type: subgradient, lr: 3.0}", 30)
    best = ((X @ weights(module)[:4] + weights(module)[4] - Y) ** 2).mean()
    assert best <= float(trainer.callback_metrics["train/loss"]) + 1e-6
    assert math.isfinite(best)


def test_rates_by_name_reach_the_optimizer(folder: Path) -> None:
    settings = (
        "optimizer: {type: sgd, lr: 0.1, groups: [{pattern: bias, lr: 0.000001}]}\nscheduler: {type: exponential}"
    )
    module, trainer = trained(folder, settings, 3)
    rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
    assert rates == pytest.approx([0.1 * 0.95**3, 1e-6 * 0.95**3])
    assert abs(weights(module)[4]) < 1e-4
    assert isinstance(trainer.lr_scheduler_configs[0].scheduler, LRScheduler)


class Overflowing(torch.nn.Module):
    """A loss that is not a number beyond a wall, as an exponential is after too long a step."""

    def forward(self, prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        loss = (prediction - truth).square().mean()
        return loss if prediction.abs().max() < 4 else loss * math.nan


def test_a_trial_that_overflows_is_taken_back(folder: Path) -> None:
    def overflow(module: TrainingModule) -> None:
        module.loss = Overflowing()

    module, _ = trained(folder, "optimizer: {type: newton, lr: 64.0}", 8, overflow)
    assert np.isfinite(weights(module)).all()
    assert ((X @ weights(module)[:4] + weights(module)[4] - Y) ** 2).mean() < (Y**2).mean()


def test_weights_that_are_not_finite_stop_the_run_within_the_step(folder: Path) -> None:
    class Breaking(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            found = closure()
            with torch.no_grad():
                for p in self.param_groups[0]["params"]:
                    p.fill_(math.nan)
            return found

    class Broken(recipeline.Optimizer, name="broken"):
        """Breaks."""

        needs_closure = True

        def build(self, parameters):
            return Breaking(parameters, lr=0.1)

    def broken(module: TrainingModule) -> None:
        module.recipe = module.recipe.model_copy(update={"optimizer": Broken()})

    with pytest.raises(recipeline.TrainingError, match=r"the weights are no longer finite at epoch 1, batch 1"):
        trained(folder, "optimizer: sgd", 2, broken)
