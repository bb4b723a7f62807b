from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.adadelta import Adadelta

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, rho: float, eps: float, weight_decay: float) -> list[Any]:
    """Zeiler 2012, algorithm 1, times lr."""
    found = []
    square = steps = np.zeros_like(w)
    for gradient in GRADIENTS:
        g = gradient + weight_decay * w
        square = rho * square + (1 - rho) * g**2
        d = np.sqrt(steps + eps) / np.sqrt(square + eps) * g
        steps = rho * steps + (1 - rho) * d**2
        w = w - lr * d
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Adadelta.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        {"lr": 0.5, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.2},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"rho": 1.0}, "less than 1"),
        ({"rho": -0.1}, "greater than or equal to 0"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Adadelta.model_validate(settings)
