from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import mean_absolute_error, mean_pinball_loss

from recipeline import TargetSpec
from recipeline_plugins.loss.quantile import Quantile

TARGET = TargetSpec("regression", ("y",))
P, Y = np.random.default_rng(0).normal(size=(2, 40, 1))


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_equals_scikit_learn(q: float) -> None:
    loss = Quantile(q=q).build(TARGET)
    p = torch.tensor(P, requires_grad=True)
    assert loss(p, torch.tensor(Y)).item() == pytest.approx(mean_pinball_loss(Y, P, alpha=q), rel=1e-12)
    (slope,) = torch.autograd.grad(loss(p, torch.tensor(Y)), p)
    np.testing.assert_allclose(slope.numpy(), np.where(Y > P, -q, 1 - q) / len(P), rtol=1e-12)


def test_the_middle_is_half_the_absolute_error() -> None:
    value = Quantile().build(TARGET)(torch.tensor(P), torch.tensor(Y)).item()
    assert value == pytest.approx(mean_absolute_error(Y, P) / 2, rel=1e-12)


def test_its_minimum_is_the_quantile() -> None:
    y = torch.tensor(np.random.default_rng(1).exponential(size=(1001, 1)))
    loss = Quantile(q=0.8).build(TARGET)
    candidates = torch.linspace(0, 4, 2001, dtype=torch.float64)
    best = min(candidates, key=lambda c: loss(c.expand(1001, 1), y).item())
    assert best.item() == pytest.approx(np.quantile(y.numpy(), 0.8), abs=0.002)


@pytest.mark.parametrize(("q", "words"), [(0.0, "greater than 0"), (1.0, "less than 1"), ("0.5", "valid number")])
def test_refuses(q: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Quantile.model_validate({"q": q})
