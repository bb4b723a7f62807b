"""The source texts' worked examples: each recipe comes to the numbers that its head promises."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

import recipeline
from recipeline.training.module import TrainingModule

FOLDER = Path(__file__).parents[2] / "recipes" / "texts"
RECIPES = sorted(FOLDER.glob("*.yaml"))

ONE = np.ones((1, 1))
LINE = np.array([[1.0], [2.0], [3.0], [4.0]])


def descend(x: np.ndarray, y: np.ndarray, w: np.ndarray, lr: float, steps: int) -> list[np.ndarray]:
    """Gradient descent on the mean square, gradient 2/m X'(Xw - y): the weights before each step, and at the end."""
    found = [w]
    for _ in range(steps):
        w = w - lr * 2 / len(x) * x.T @ (x @ w - y)
        found.append(w)
    return found


def heavy_ball(w: float, lr: float, momentum: float, steps: int) -> list[np.ndarray]:
    """Polyak 1964 on w²."""
    before, found = w, [np.array([w])]
    for _ in range(steps):
        w, before = w - lr * 2 * w + momentum * (w - before), w
        found.append(np.array([w]))
    return found


def rmsprop(w: float, lr: float, alpha: float, eps: float, steps: int) -> list[np.ndarray]:
    """Tieleman & Hinton 2012 on w²."""
    v, found = 0.0, [np.array([w])]
    for _ in range(steps):
        v = alpha * v + (1 - alpha) * (2 * w) ** 2
        w = w - lr * 2 * w / (v**0.5 + eps)
        found.append(np.array([w]))
    return found


def adam(w: float, lr: float, steps: int) -> list[np.ndarray]:
    """Kingma & Ba 2015 on (w - 1)²."""
    m = v = 0.0
    found = [np.array([w])]
    for t in range(1, steps + 1):
        g = 2 * (w - 1)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - lr * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
        found.append(np.array([w]))
    return found


def with_ones(x: np.ndarray) -> np.ndarray:
    return np.column_stack([x, np.ones(len(x))])


# The weights (then the intercept) before each step, from where the network starts.
PATHS: dict[str, Callable[[np.ndarray, int], list[np.ndarray]]] = {
    "one_weight_sgd": lambda w, steps: descend(ONE, ONE[0], w, 0.01, steps),
    "one_weight_adam": lambda w, steps: adam(float(w[0]), 0.01, steps),
    "quadratic_descent": lambda w, steps: descend(ONE, 0 * ONE[0], w, 0.01, steps),
    "quadratic_momentum": lambda w, steps: heavy_ball(float(w[0]), 0.01, 0.9, steps),
    "quadratic_rmsprop": lambda w, steps: rmsprop(float(w[0]), 0.01, 0.9, 1e-8, steps),
    # half the text's rate: its gradient has 1/m where that of the mean square has 2/m
    "line_full_batch": lambda w, steps: descend(LINE, LINE[:, 0], w, 0.01 / 2, steps),
    "line_with_intercept": lambda w, steps: descend(with_ones(LINE), LINE[:, 0], w, 0.01 / 2, steps),
}
START = {"one_weight_sgd": 0.1, "one_weight_adam": 0.1, "quadratic_descent": 1.0, "quadratic_momentum": 1.0,
         "quadratic_rmsprop": 1.0}  # fmt: skip


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


class Followed(pl.Callback):
    """Notes the weights before each step, and after the last."""

    def __init__(self) -> None:
        self.weights: list[np.ndarray] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.note(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.note(pl_module)

    def note(self, module: Any) -> None:
        self.weights.append(np.concatenate([p.detach().double().numpy().ravel() for p in module.network.parameters()]))


def trained(name: str, folder: Path) -> tuple[list[np.ndarray], recipeline.Recipe]:
    """The weights at every step of the whole training, by the engine's own module and batches, without tracking."""
    from recipeline.stages.read import complete
    from recipeline.training.datamodule import RecipeDataModule

    data = RecipeDataModule(recipeline.load_recipe(FOLDER / f"{name}.yaml"), folder / "cache", complete)
    prepared = data.data
    pl.seed_everything(data.recipe.seed, verbose=False)
    torch.set_num_threads(1)
    followed = Followed()
    epochs = data.recipe.training.epochs
    trainer = pl.Trainer(barebones=True, max_epochs=epochs, accelerator="cpu", devices=1, callbacks=[followed])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # Lightning, of the parts that there are not
        trainer.fit(TrainingModule(data.recipe, prepared), datamodule=data)
    return followed.weights, data.recipe


CLASSIFIERS = ("two_hidden_layers", "two_hidden_layers_loss_object")


def test_every_worked_example_is_there() -> None:
    assert {path.stem for path in RECIPES} == {*PATHS, "line_one_sample", "newton_one_step", *CLASSIFIERS}


def test_a_loss_as_an_object_is_the_same_training() -> None:
    one, other = (recipeline.load_recipe(FOLDER / f"{name}.yaml").as_recipe() for name in CLASSIFIERS)
    assert one.pop("name") != other.pop("name")
    assert one == other


def test_the_head_says_what_it_trains_how_long_and_the_command(path: Path) -> None:
    lines = path.read_text().splitlines()
    head = [line for line in lines[: lines.index("")] if line.startswith("#")]
    assert head[0] == "# yaml-language-server: $schema=../recipe.schema.json"
    assert head[-1] == f"#   recipeline run recipes/texts/{path.name}"
    assert re.search(r"seconds|minute", " ".join(head[1:-1]))
    assert re.search(r"\b00\d\b", " ".join(head))


def test_it_is_valid_and_reads_back_the_same(path: Path) -> None:
    recipe = recipeline.load_recipe(path)
    assert type(recipe).model_validate(recipe.as_recipe(), context={"folder": path.parent}) == recipe


@pytest.mark.parametrize("name", PATHS)
def test_it_takes_the_text_s_steps(name: str, tmp_path: Path) -> None:
    found, recipe = trained(name, tmp_path)
    assert recipe.training.epochs == 1000
    assert len(found) == 1001
    if name in START:
        assert found[0] == pytest.approx([START[name]])
    # float32 against float64: what is left of the error at the end is below what float32 can tell
    np.testing.assert_allclose(found, PATHS[name](found[0], 1000), rtol=2e-3, atol=3e-6)


def losses(name: str) -> list[float]:
    """(w - target)² at each step, in float64."""
    target = 1.0 if name.startswith("one_weight") else 0.0
    return [float(w[0] - target) ** 2 for w in PATHS[name](np.array([START[name]]), 1000)]


def test_the_heads_numbers() -> None:
    sgd, descent = losses("one_weight_sgd"), losses("quadratic_descent")
    assert (sgd[0], sgd[100], sgd[1000]) == pytest.approx((0.81, 0.0142, 2e-18), rel=0.2)
    assert (descent[100], descent[1000]) == pytest.approx((0.0176, 3e-18), rel=0.06)
    swings = [float(w[0]) for w in PATHS["quadratic_momentum"](np.ones(1), 1000)]
    assert sum(a * b < 0 for a, b in pairwise(swings[:101])) == 4
    assert abs(swings[1000]) == pytest.approx(1e-23, rel=0.5)
    hops = [abs(float(w[0])) for w in PATHS["quadratic_rmsprop"](np.ones(1), 1000)]
    assert next(step for step, place in enumerate(hops) if place < 0.01) == pytest.approx(120, abs=5)
    assert hops[-100:] == pytest.approx([0.005] * 100, rel=0.01)
    climb = [float(w[0]) for w in PATHS["one_weight_adam"](np.array([0.1]), 1000)]
    assert climb[10] == pytest.approx(0.2, abs=0.01)
    assert 1 < max(climb) < 1.0001
    assert climb[1000] == pytest.approx(1, abs=1e-9)
    line = PATHS["line_full_batch"](np.zeros(1), 1000)
    assert 1 - float(line[100][0]) == pytest.approx(0.0004, rel=0.05)
    step = np.eye(2) - 0.01 * with_ones(LINE).T @ with_ones(LINE) / 4
    speeds = np.linalg.eigvalsh(step)
    assert speeds == pytest.approx([0.916, 0.9985], abs=6e-4)
    assert speeds[1] ** 1000 == pytest.approx(0.22, abs=0.01)


def test_one_sample_a_step_comes_to_the_answer(tmp_path: Path) -> None:
    found, _ = trained("line_one_sample", tmp_path)
    assert len(found) == 1001
    assert found[-1] == pytest.approx([1.0], abs=1e-6)
    # (2/m) x (x theta - y) · 0.01 with y = x takes 2/4 · 0.01 · x² of the error away
    shares = np.diff([1 - w[0] for w in found[:5]]) / [1 - w[0] for w in found[:4]]
    assert sorted(-shares) == pytest.approx([0.005 * x * x for x in (1, 2, 3, 4)], rel=1e-3)


def test_newton_is_there_after_one_step(tmp_path: Path) -> None:
    found, _ = trained("newton_one_step", tmp_path)
    assert found[0].tolist() == [0.0, 0.0]
    assert found[1] == pytest.approx([1.94, 0.15], abs=1e-5)
    assert found[2] == pytest.approx([1.94, 0.15], abs=1e-5)


def curve(result: recipeline.RunResult, metric: str) -> list[float]:
    import mlflow

    history = mlflow.MlflowClient(result.tracking_uri).get_metric_history(result.run_id, metric)
    return [point.value for point in sorted(history, key=lambda point: point.step)]


@pytest.mark.parametrize("name", ["newton_one_step", "quadratic_descent"])
def test_the_whole_run_logs_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    changes = [] if name == "newton_one_step" else ["training.epochs=12"]
    result = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml", changes))
    assert result.status == "FINISHED"
    assert result.model_uri
    found = curve(result, "train/loss")
    if name == "newton_one_step":
        assert found == pytest.approx([np.square([2.1, 3.9, 6.2, 7.8]).mean(), 0.0205], rel=1e-5)
    else:
        assert found == pytest.approx([0.98 ** (2 * step) for step in range(12)], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", START)
def test_the_whole_run_at_full_length(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml"))
    assert curve(result, "train/loss")[::100] == pytest.approx(losses(name)[:1000:100], rel=2e-3, abs=1e-9)
