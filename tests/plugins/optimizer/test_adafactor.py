from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.adafactor import Adafactor

RNG = np.random.default_rng(0)
GRADIENTS = [(RNG.normal(size=(4, 3)) * np.logspace(-3, 1, 3), RNG.normal(size=3)) for _ in range(50)]
STARTS = (np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(0, 1, 3))
EPS = float(np.finfo(np.float64).eps)


def paper(
    w: Any, number: int, lr: float, beta2_decay: float, floor: float, clip: float, weight_decay: float
) -> list[Any]:
    """Shazeer & Stern 2018, algorithms 4 (matrices) and 5 (vectors) with 6's rates, eps apart as torch has it."""
    found = []
    row = column = square = 0.0
    for t, gradients in enumerate(GRADIENTS, start=1):
        g = gradients[number]
        new = t**beta2_decay
        rate = min(lr, 1 / np.sqrt(t)) * max(floor, np.sqrt((w**2).mean()))
        w = w * (1 - lr * weight_decay)
        if w.ndim > 1:
            row = (1 - new) * row + new * (g**2).mean(axis=1)
            column = (1 - new) * column + new * (g**2).mean(axis=0)
            square = np.outer(row, column) / max(row.mean(), EPS)
        else:
            square = (1 - new) * square + new * g**2
        u = g / np.sqrt(np.maximum(square, EPS**2))
        w = w - rate * u / max(1.0, np.sqrt((u**2).mean()) / clip)
        found.append(w)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01, "beta2_decay": -0.8, "floor": 1e-3, "clip": 1.0, "weight_decay": 0.0},
        {"lr": 0.5, "beta2_decay": -0.5, "floor": 0.8, "clip": 1.5, "weight_decay": 0.1},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in STARTS]
    optimizer = Adafactor.model_validate({**settings, "decayed": "all"}).build(parameters)
    found: list[list[Any]] = [[], []]
    for gradients in GRADIENTS:
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
        for number, p in enumerate(parameters):
            found[number].append(p.detach().numpy().copy())
    for number, start in enumerate(STARTS):
        np.testing.assert_allclose(found[number], paper(start, number, **settings), rtol=1e-9, atol=1e-13)


def test_remembers_rows_and_columns_only() -> None:
    w = torch.nn.Parameter(torch.ones(50, 40))
    w.grad = torch.ones(50, 40)
    optimizer = Adafactor().build([w])
    optimizer.step()
    assert sum(v.numel() for v in optimizer.state[w].values()) == 50 + 40 + 1


def test_a_bias_does_not_decay_unless_asked_to() -> None:
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2,))]
    decays = [group["weight_decay"] for group in Adafactor(weight_decay=0.1).build(parameters).param_groups]
    assert decays == [0.1, 0.0]
    assert len(Adafactor(weight_decay=0.1, decayed="all").build(parameters).param_groups) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"beta2_decay": 0.0}, "less than 0"),
        ({"floor": 0.0}, "greater than 0"),
        ({"clip": 0.9}, "greater than or equal to 1"),
        ({"weight_decay": -0.1}, "greater than or equal to 0"),
        ({"decayed": "none"}, "'weights' or 'all'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Adafactor.model_validate(settings)
