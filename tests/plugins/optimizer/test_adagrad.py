from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.adagrad import AdaGrad

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, lr_decay: float, initial: float, eps: float, weight_decay: float) -> list[Any]:
    """Duchi, Hazan & Singer 2011, with the diagonal."""
    found, s = [], np.full_like(w, initial)
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = gradient + weight_decay * w
        s = s + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps)
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = AdaGrad.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01, "lr_decay": 0.0, "initial": 0.0, "eps": 1e-10, "weight_decay": 0.0},
        {"lr": 0.5, "lr_decay": 0.1, "initial": 0.3, "eps": 1e-3, "weight_decay": 0.2},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


def test_the_first_step_is_lr_whatever_the_gradient() -> None:
    w = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    w.grad = torch.tensor([1e-3, -1e3], dtype=torch.float64)
    AdaGrad(lr=0.01).build([w]).step()
    assert w.tolist() == pytest.approx([-0.01, 0.01], rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr_decay": -0.1}, "greater than or equal to 0"),
        ({"initial": -1.0}, "greater than or equal to 0"),
        ({"eps": 0.0}, "greater than 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
        ({"lr": 0.0}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AdaGrad.model_validate(settings)
