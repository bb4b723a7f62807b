import sys
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import MissingExtra, RecipeError
from recipeline_plugins.optimizer.pytorch_optimizer import PytorchOptimizer


@pytest.fixture
def w() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(3, 2))


def test_says_how_to_install_it(w: torch.nn.Parameter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(MissingExtra, match=r"needs the package 'pytorch_optimizer'.*'recipeline\[optimizers\]'"):
        PytorchOptimizer().build([w])


GRADIENTS = np.random.default_rng(0).normal(size=(50, 6)) * np.logspace(-4, 2, 6)
START = np.linspace(-1, 1, 6)


def ademamix(w: Any, lr: float) -> list[Any]:
    """Pagliardini, Ablin & Grangier 2024, algorithm 1, with alpha and beta3 as they are from the start."""
    found = []
    fast = slow = square = np.zeros_like(w)
    for t, g in enumerate(GRADIENTS, start=1):
        fast = 0.9 * fast + 0.1 * g
        slow = 0.9999 * slow + 0.0001 * g
        square = 0.999 * square + 0.001 * g**2
        w = w - lr * (fast / (1 - 0.9**t) + 5 * slow) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
        found.append(w)
    return found


def lion(w: Any, lr: float, beta1: float, beta2: float, weight_decay: float) -> list[Any]:
    """Chen et al. 2023, algorithm 2."""
    found, m = [], np.zeros_like(w)
    for g in GRADIENTS:
        w = w - lr * (np.sign(beta1 * m + (1 - beta1) * g) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g
        found.append(w)
    return found


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (PytorchOptimizer(lr=0.01), ademamix(START, 0.01)),
        (
            PytorchOptimizer(optimizer="lion", lr=0.1, settings={"betas": [0.5, 0.7], "weight_decay": 0.3}),
            lion(START, 0.1, 0.5, 0.7, 0.3),
        ),
    ],
)
def test_takes_the_one_that_is_named_with_its_settings(plugin: PytorchOptimizer, expected: list[Any]) -> None:
    pytest.importorskip("pytorch_optimizer")
    w = torch.nn.Parameter(torch.tensor(START))
    optimizer = plugin.build([w])
    found = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_says_what_there_is(w: torch.nn.Parameter) -> None:
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(RecipeError, match=r"no optimizer of this name \(found 'adopp'\)\. It has \d+: .*adopt"):
        PytorchOptimizer(optimizer="adopp").build([w])


def test_says_what_it_does_not_take(w: torch.nn.Parameter) -> None:
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(RecipeError, match=r"optimizer\.settings: pytorch_optimizer's 'lion' can't be made so: .*beta1"):
        PytorchOptimizer(optimizer="lion", settings={"betas": [1.5, 0.9]}).build([w])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": ""}, "at least 1 character"),
        ({"lr": 0.0}, "greater than 0"),
        ({"settings": ["betas"]}, "valid dictionary"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PytorchOptimizer.model_validate(settings)
