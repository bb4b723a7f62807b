"""Recipes that are about a loss or a penalty: they reach their floor, and what others compute by other means."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

import recipeline
from recipeline.stages.read import complete
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.trainer import make_trainer

FOLDER = Path(__file__).parents[2] / "recipes"


def test_two_hidden_layers_reach_their_floor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = recipeline.run(recipeline.load_recipe(FOLDER / "texts" / "two_hidden_layers.yaml"))
    assert result.status == "FINISHED"
    assert result.metrics["test/accuracy"] >= 0.95


LOGISTIC = """
name: logistic
data:
  source: {type: sample, dataset: iris}
  target: species
  split: {type: random, train: 1, validation: 0, test: 0, stratify: false}
preprocessing: [{type: standardize, columns: numeric}]
architecture: linear
loss: cross_entropy
optimizer: {type: lbfgs, max_iter: 200, tolerance: 1e-9, change: 0}
regularization: [{type: l2, weight: 0.01}]
metrics: []
training: {epochs: 2, batch_size: full, precision: 64-true}
reports: []
"""


def trained(path: Path, folder: Path) -> tuple[TrainingModule, np.ndarray, np.ndarray]:
    """The module at the end of training, and the train part's inputs and target."""
    recipe = recipeline.load_recipe(path)
    data = RecipeDataModule(recipe, folder / "cache", complete)
    prepared = data.data
    pl.seed_everything(data.recipe.seed, verbose=False)
    module = TrainingModule(data.recipe, prepared)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_trainer(data.recipe, folder=folder, logger=None, observer=Observer()).fit(module, datamodule=data)
    train = prepared.parts["train"]
    return module, np.asarray(train.blocks[0], dtype=np.float64), np.asarray(train.target, dtype=np.float64)


def test_ridge_is_scikit_learns(tmp_path):
    module, x, y = trained(FOLDER / "diabetes_ridge.yaml", tmp_path)
    reference = Ridge(alpha=0.03 * len(x)).fit(x, y)
    np.testing.assert_allclose(module.network.weight.detach().numpy(), reference.coef_.reshape(1, -1), atol=1e-4)


def test_the_lasso_ends_as_scikit_learns_with_the_same_zeros(tmp_path):
    module, x, y = trained(FOLDER / "diabetes_lasso.yaml", tmp_path)
    reference = Lasso(alpha=0.05, tol=1e-10, max_iter=100_000).fit(x, y)
    found = module.network.weight.detach().numpy()[0]
    np.testing.assert_allclose(found, reference.coef_, atol=1e-4)
    assert ((found == 0) == (reference.coef_ == 0)).all()
    assert 0 < (found == 0).sum() < len(found)


def test_logistic_regression_is_scikit_learns(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(LOGISTIC)
    module, x, y = trained(path, tmp_path)
    reference = LogisticRegression(C=1 / (2 * 0.01 * len(y)), tol=1e-10, max_iter=10_000).fit(x, y.astype(int))
    np.testing.assert_allclose(module.network.weight.detach().numpy(), reference.coef_, atol=1e-4)


@pytest.mark.parametrize("alone", ["loss.gamma=0", "~loss.class_weights"])
def test_the_focal_recipe_can_be_changed_from_the_command_line(alone):
    with (
        pytest.raises(recipeline.RecipeError, match="beta is read only") if "~" in alone else warnings.catch_warnings()
    ):
        recipeline.load_recipe(FOLDER / "breast_cancer_focal.yaml", [alone])
