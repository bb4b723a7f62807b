from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.rmsprop import RMSprop

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(
    w: Any, lr: float, alpha: float, eps: float, momentum: float, centered: bool, weight_decay: float
) -> list[Any]:
    """Tieleman & Hinton 2012; centered is Graves 2013; eps outside the root, as in torch."""
    found = []
    v, m, b = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for gradient in GRADIENTS:
        g = gradient + weight_decay * w
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        d = g / (np.sqrt(v - m**2 if centered else v) + eps)
        b = momentum * b + d
        w = w - lr * b
        found.append(w)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.001, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False, "weight_decay": 0.0},
        {"lr": 0.01, "alpha": 0.9, "eps": 0.1, "momentum": 0.8, "centered": False, "weight_decay": 0.1},
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "momentum": 0.0, "centered": True, "weight_decay": 0.0},
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "momentum": 0.5, "centered": True, "weight_decay": 0.1},
    ],
)
def test_follows_the_lecture(settings: dict[str, Any]) -> None:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = RMSprop.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    np.testing.assert_allclose(found, paper(START, **settings), rtol=1e-10, atol=1e-14)


def test_the_first_step_is_larger_by_the_missing_correction() -> None:
    w = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    w.grad = torch.ones(1, dtype=torch.float64)
    RMSprop(lr=0.001, alpha=0.99).build([w]).step()
    assert w.item() == pytest.approx(-0.001 / np.sqrt(1 - 0.99), rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": 1.0}, "less than 1"),
        ({"alpha": -0.1}, "greater than or equal to 0"),
        ({"momentum": 1.0}, "less than 1"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -0.1}, "greater than or equal to 0"),
        ({"centered": 1}, "valid boolean"),
        ({"lr": 0.0}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RMSprop.model_validate(settings)
