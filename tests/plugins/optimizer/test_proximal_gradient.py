from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import Proximal, RecipeError
from recipeline_plugins.optimizer.proximal_gradient import ProximalGradient

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
Y = X @ np.array([2.0, 0.0, 0.0, -1.0, 0.0, 0.3]) + 0.1 * RNG.normal(size=40)
WEIGHT = 0.4


def shrink(value: torch.Tensor, step: float) -> torch.Tensor:
    return value.sign() * (value.abs() - step * WEIGHT).clamp(min=0)


def soft(value: Any, by: float) -> Any:
    return np.sign(value) * np.maximum(np.abs(value) - by, 0)


def slope(w: Any) -> Any:
    return 2 / 40 * X.T @ (X @ w - Y)


def ista(lr: float) -> list[Any]:
    w, found = np.zeros(6), []
    for _ in range(50):
        w = soft(w - lr * slope(w), lr * WEIGHT)
        found.append(w)
    return found


def fista(lr: float) -> list[Any]:
    """Beck & Teboulle 2009, section 4, with a constant step."""
    x, y, t, found = np.zeros(6), np.zeros(6), 1.0, []
    for _ in range(50):
        new = soft(y - lr * slope(y), lr * WEIGHT)
        later = (1 + np.sqrt(1 + 4 * t**2)) / 2
        y, x, t = new + (t - 1) / later * (new - x), new, later
        found.append(x)
    return found


def trajectory(accelerated: bool, lr: float = 0.1, break_at: int | None = None) -> list[Any]:
    w = torch.nn.Parameter(torch.zeros(6, dtype=torch.float64))
    plugin = ProximalGradient(accelerated=accelerated, lr=lr)

    def build() -> torch.optim.Optimizer:
        made = plugin.build([w])
        assert plugin.take_over(made, [Proximal(w, shrink)])
        return made

    optimizer = build()

    def closure() -> float:
        optimizer.zero_grad()
        loss = (torch.tensor(X) @ w - torch.tensor(Y)).square().mean()
        torch.autograd.backward(loss)
        return loss.item()

    found = []
    for step in range(50):
        if step == break_at:
            state = optimizer.state_dict()
            optimizer = build()
            optimizer.load_state_dict(state)
        optimizer.step(closure)
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize("lr", [0.02, 0.2])
def test_follows_the_papers(lr: float) -> None:
    np.testing.assert_allclose(trajectory(False, lr), ista(lr), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(trajectory(True, lr), fista(lr), rtol=1e-10, atol=1e-14)


def test_momentum_gets_there_sooner() -> None:
    def height(w: Any) -> float:
        return float(((X @ w - Y) ** 2).mean() + WEIGHT * np.abs(w).sum())

    assert height(trajectory(True, 0.02)[-1]) < height(trajectory(False, 0.02)[-1])


@pytest.mark.parametrize("accelerated", [True, False])
def test_weights_are_exactly_zero(accelerated: bool) -> None:
    assert (trajectory(accelerated)[-1] == 0).tolist() == [False, True, True, False, True, False]


@pytest.mark.parametrize("accelerated", [True, False])
def test_goes_on_where_it_was_saved(accelerated: bool) -> None:
    assert np.array_equal(trajectory(accelerated)[-1], trajectory(accelerated, break_at=20)[-1])


def test_what_no_penalty_is_on_takes_gradient_steps() -> None:
    w, b = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    plugin = ProximalGradient(lr=0.1)
    optimizer = plugin.build([w, b])
    plugin.take_over(optimizer, [Proximal(w, shrink)])

    def closure() -> float:
        optimizer.zero_grad()
        torch.autograd.backward(w.sum() + b.sum())
        return 0.0

    optimizer.step(closure)
    assert w.tolist() == pytest.approx([0.86, 0.86])
    assert b.tolist() == pytest.approx([0.9, 0.9])


def test_refuses_two_penalties_on_one_parameter() -> None:
    w = torch.nn.Parameter(torch.ones(2))
    plugin = ProximalGradient()
    optimizer = plugin.build([w])
    plugin.take_over(optimizer, [Proximal(w, shrink)])
    with pytest.raises(RecipeError, match=r"takes over one penalty for each parameter.* Take 'elastic_net'"):
        plugin.take_over(optimizer, [Proximal(w, shrink)])


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"accelerated": "yes"}, "valid boolean"), ({"lr": 0.0}, "greater than 0")],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ProximalGradient.model_validate(settings)
