from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.gradient_descent import GradientDescent

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float) -> list[Any]:
    """Cauchy 1847."""
    found = []
    for g in GRADIENTS:
        w = w - lr * g
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = GradientDescent.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01},
        {"lr": 1.5},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


def test_says_that_it_needs_the_full_batch() -> None:
    assert GradientDescent.requires == {"training.batch_size=full"}
    assert "with fewer it would be 'sgd'" in GradientDescent.reasons["training.batch_size=full"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"momentum": 0.9}, "Extra inputs are not permitted"),
        ({"lr": "0.1"}, "valid number"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GradientDescent.model_validate(settings)
