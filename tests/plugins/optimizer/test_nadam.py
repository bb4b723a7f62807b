from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.nadam import NAdam

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(
    w: Any, lr: float, beta1: float, beta2: float, momentum_decay: float, eps: float, weight_decay: float
) -> list[Any]:
    """Dozat 2016, algorithm 2."""

    def mu(t: int) -> float:
        return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    found, product = [], 1.0
    m = v = np.zeros_like(w)
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = gradient + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        product *= mu(t)
        mean = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        w = w - lr * mean / (np.sqrt(v / (1 - beta2**t)) + eps)
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = NAdam.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "momentum_decay": 0.004, "eps": 1e-8, "weight_decay": 0.0},
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "momentum_decay": 0.1, "eps": 0.1, "weight_decay": 0.3},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    # torch keeps the product of μ in its default precision, whatever the parameters are.
    torch.set_default_dtype(torch.float64)
    try:
        found = trajectory(settings)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(found, paper(START, **settings), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(trajectory(settings), found, rtol=1e-6, atol=2e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"beta1": 1.0}, "less than 1"),
        ({"beta2": -0.1}, "greater than or equal to 0"),
        ({"momentum_decay": -1.0}, "greater than or equal to 0"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        NAdam.model_validate(settings)
