from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.momentum import Momentum

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, momentum: float, weight_decay: float) -> list[Any]:
    """Polyak 1964: the present point, the last one, and the gradient."""
    found, before = [], w
    for gradient in GRADIENTS:
        g = gradient + weight_decay * w
        w, before = w - lr * g + momentum * (w - before), w
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Momentum.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0},
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentum": 1.0}, "less than 1"),
        ({"momentum": 0.0}, "greater than 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
        ({"lr": 0.0}, "greater than 0"),
        ({"nesterov": True}, "Extra inputs are not permitted"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Momentum.model_validate(settings)
