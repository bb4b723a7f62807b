from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.nesterov import Nesterov

STEEPNESS = np.array([0.1, 1.0, 3.0, 10.0])
START = np.array([1.0, -2.0, 0.5, 3.0])


def slope(w: Any) -> Any:
    """The gradient of a function that is no parabola, so that it matters where it is taken."""
    return STEEPNESS * np.tanh(w)


def sutskever(w: Any, lr: float, momentum: float) -> list[Any]:
    """Sutskever et al. 2013, equations 3 and 4; the points where the gradient is taken next."""
    v, found = np.zeros_like(w), []
    for _ in range(50):
        v = momentum * v - lr * slope(w + momentum * v)
        w = w + v
        found.append(w + momentum * v)
    return found


@pytest.mark.parametrize(("lr", "momentum"), [(0.01, 0.9), (0.1, 0.5)])
def test_follows_the_paper(lr: float, momentum: float) -> None:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Nesterov(lr=lr, momentum=momentum).build([w])
    found = []
    for _ in range(50):
        w.grad = torch.tensor(slope(w.detach().numpy()))
        optimizer.step()
        found.append(w.detach().numpy().copy())
    np.testing.assert_allclose(found, sutskever(START, lr, momentum), rtol=1e-10, atol=1e-14)


def test_weight_decay_is_a_penalty_of_half_the_squares() -> None:
    w = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    w.grad = torch.zeros(1, dtype=torch.float64)
    Nesterov(lr=0.1, momentum=0.5, weight_decay=2.0).build([w]).step()
    assert w.item() == pytest.approx(1 - 0.1 * (2.0 + 0.5 * 2.0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentum": 0.0}, "greater than 0"),
        ({"momentum": 1.0}, "less than 1"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
        ({"lr": 0.0}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Nesterov.model_validate(settings)
