from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.adamax import Adamax

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float) -> list[Any]:
    """Kingma & Ba 2015, algorithm 2, with eps beside the gradient."""
    found = []
    m = u = np.zeros_like(w)
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = gradient + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        w = w - lr / (1 - beta1**t) * m / u
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Adamax.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.3},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"beta1": 1.0}, "less than 1"),
        ({"beta2": -0.1}, "greater than or equal to 0"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Adamax.model_validate(settings)
