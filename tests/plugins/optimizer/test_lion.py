from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.lion import Lion

GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def paper(w: Any, lr: float, beta1: float, beta2: float, weight_decay: float, decayed: str) -> list[Any]:
    """Chen et al. 2023, algorithm 2."""
    found, m = [], np.zeros_like(w)
    for g in GRADIENTS:
        c = beta1 * m + (1 - beta1) * g
        w = w - lr * (np.sign(c) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g
        found.append(w)
    return found


def trajectory(settings: dict[str, Any]) -> list[Any]:
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = Lion.model_validate(settings).build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.0001, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0, "decayed": "weights"},
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.7, "weight_decay": 0.3, "decayed": "all"},
    ],
)
def test_follows_the_paper(settings: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(settings), paper(START, **settings), rtol=1e-10, atol=1e-14)


def test_goes_on_where_it_was_saved() -> None:
    whole = trajectory({"lr": 0.1})
    w = torch.nn.Parameter(torch.tensor(whole[24]))
    first = torch.nn.Parameter(torch.tensor(START))
    before = Lion(lr=0.1).build([first])
    for gradient in GRADIENTS[:25]:
        first.grad = torch.tensor(gradient)
        before.step()
    optimizer = Lion(lr=0.1).build([w])
    optimizer.load_state_dict(before.state_dict())
    for gradient in GRADIENTS[25:]:
        w.grad = torch.tensor(gradient)
        optimizer.step()
    assert np.array_equal(w.detach().numpy(), whole[-1])


def test_a_bias_does_not_decay_unless_asked_to() -> None:
    weight, bias = (torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2,)))
    weight.grad, bias.grad = torch.zeros(2, 2), torch.zeros(2)
    Lion(lr=0.1, weight_decay=0.5).build([weight, bias]).step()
    assert weight.flatten().tolist() == pytest.approx([0.95] * 4)
    assert bias.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"beta1": 1.0}, "less than 1"),
        ({"beta2": -0.1}, "greater than or equal to 0"),
        ({"weight_decay": -1.0}, "greater than or equal to 0"),
        ({"decayed": "some"}, "'weights' or 'all'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Lion.model_validate(settings)
