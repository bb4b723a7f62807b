"""Every built-in plugin's example is a part of a valid recipe, and what it builds cheaply keeps its promises."""

import inspect
import math
from pathlib import Path

import pytest

import recipeline
from recipeline.catalog import Entry, installed
from recipeline.families.loss import Loss
from recipeline.recipe.checks import named
from recipeline.testing import check_plugin
from recipeline.testing.examples import ROWS, targets_for, truth_for
from recipeline.testing.lines import whole

MINE = [entry for entry in installed() if entry.distribution == "recipeline"]
CHEAP = ("optimizer", "scheduler", "regularization", "metric")
"""The families that are tried with their example's settings in no time, and need no data of their own."""


@pytest.mark.parametrize("entry", MINE, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_an_example_is_a_recipe_and_trains(entry: Entry) -> None:
    cls = entry.load()
    recipe = whole(inspect.cleandoc(cls.example), getattr(cls, "tasks", ()))
    made = [plugin for _, plugin in named(recipe) if isinstance(plugin, cls)]
    assert made, "the example doesn't name the plugin"
    if isinstance(made[0], Loss):
        two_batches(made[0], recipe.data.task)
    elif entry.family in CHEAP and made[0] != cls.model_construct():
        check_plugin(made[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: to make one takes longer than to train."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.slow
@pytest.mark.parametrize("entry", MINE, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_an_example_for_any_table_trains_two_epochs(entry: Entry, folder: Path, monkeypatch) -> None:
    """What is right one by one may still be refused when it is built: a parameter's name, a column that is missing."""
    cls = entry.load()
    lines = inspect.cleandoc(cls.example)
    if entry.family == "preprocessing" or "path: " in lines or "run: " in lines:
        return  # it names columns, files or a run of its own
    monkeypatch.chdir(folder)
    monkeypatch.setattr("recipeline.runner.STAGES", ("read", "split", "preprocess", "build", "fit", "evaluate"))
    (folder / "recipe.yaml").write_text(whole(lines, getattr(cls, "tasks", ())).text)
    recipe = recipeline.load_recipe(folder / "recipe.yaml", ["training.epochs=2", "reports=[]"])
    assert recipeline.run(recipe).status == "FINISHED"


def two_batches(loss: Loss, task: str) -> None:
    import torch

    target = next(target for target in targets_for(loss) if target.task == task)
    function = loss.build(target)
    for seed in (1, 2):
        truth = truth_for(target, ROWS, seed)
        prediction = torch.randn(ROWS, loss.outputs(target), requires_grad=True)
        value = function(prediction, truth.abs() if loss.raw_target else truth)
        value.backward()
        assert math.isfinite(value.item())
        assert prediction.grad is not None
        assert prediction.grad.isfinite().all()
