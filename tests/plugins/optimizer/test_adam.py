from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.adam import Adam

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool) -> list[Any]:
    """Kingma & Ba 2015, algorithm 1; amsgrad as torch has it, on the uncorrected v."""
    found = []
    m = v = largest = np.zeros_like(w)
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = gradient + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        mean, square = m / (1 - beta1**t), (largest if amsgrad else v) / (1 - beta2**t)
        w = w - lr * mean / (np.sqrt(square) + eps)
        found.append(w)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False},
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.3, "amsgrad": False},
        {"lr": 0.1, "beta1": 0.0, "beta2": 0.8, "eps": 1e-3, "weight_decay": 0.0, "amsgrad": True},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Adam.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    np.testing.assert_allclose(found, paper(START, **settings), rtol=1e-11, atol=1e-14)


def test_the_first_step_is_lr_whatever_the_gradient() -> None:
    w = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    w.grad = torch.tensor([1e-3, -1e3], dtype=torch.float64)
    Adam(lr=0.01).build([w]).step()
    assert w.tolist() == pytest.approx([-0.01, 0.01], rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"lr": "0.1"}, "valid number"),
        ({"lr": float("nan")}, "finite number"),
        ({"beta1": 1.0}, "less than 1"),
        ({"beta2": -0.1}, "greater than or equal to 0"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -0.1}, "greater than or equal to 0"),
        ({"amsgrad": "yes"}, "valid boolean"),
        ({"betas": [0.9, 0.999]}, "Extra inputs are not permitted"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Adam.model_validate(settings)
