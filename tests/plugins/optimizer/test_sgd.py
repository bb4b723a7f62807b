from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.sgd import SGD

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6))


def paper(w: Any, lr: float, momentum: float, nesterov: bool, weight_decay: float) -> list[Any]:
    """Polyak 1964 and Sutskever et al. 2013, with the learning rate outside the momentum."""
    found = []
    v = np.zeros_like(w)
    for gradient in GRADIENTS:
        g = gradient + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        found.append(w)
    return found


def sutskever(w: Any, lr: float, momentum: float) -> list[Any]:
    """Classical momentum as the paper writes it, with the learning rate inside."""
    found = []
    v = np.zeros_like(w)
    for gradient in GRADIENTS:
        v = momentum * v - lr * gradient
        w = w + v
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64))
    optimizer = SGD.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.2},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(np.linspace(-1, 1, 6), **settings), rtol=1e-10)


def test_momentum_with_the_rate_inside_is_the_same_while_the_rate_stays() -> None:
    expected = sutskever(np.linspace(-1, 1, 6), 0.1, 0.9)
    np.testing.assert_allclose(trajectory({"lr": 0.1, "momentum": 0.9}), expected, rtol=1e-10)


def test_without_momentum_it_is_a_step_against_the_gradient() -> None:
    expected = np.linspace(-1, 1, 6) - 0.1 * GRADIENTS.sum(axis=0)
    np.testing.assert_allclose(trajectory({"lr": 0.1})[-1], expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nesterov": True}, r"nesterov needs momentum above 0, for instance momentum: 0\.9"),
        ({"momentum": 1.0}, "less than 1"),
        ({"momentum": -0.1}, "greater than or equal to 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
        ({"lr": -0.1}, "greater than 0"),
        ({"nesterov": 1}, "valid boolean"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SGD.model_validate(settings)
