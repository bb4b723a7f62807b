from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import TargetSpec
from recipeline_plugins.loss.multi_margin import MultiMargin

RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40)
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 22))


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_equals_the_formula(power: Literal[1, 2], margin: float) -> None:
    lacking = np.maximum(0, margin - Z[np.arange(40), Y][:, None] + Z) ** power
    lacking[np.arange(40), Y] = 0
    value = MultiMargin(power=power, margin=margin).build(CLASSES)(torch.tensor(Z), torch.tensor(Y))
    assert value.item() == pytest.approx((lacking.sum(axis=1) / 3).mean(), rel=1e-12)


def test_what_is_right_by_the_margin_does_not_count() -> None:
    z = torch.tensor([[5.0, 3.9, 0.0]], requires_grad=True)
    value = MultiMargin().build(CLASSES)(z, torch.tensor([0]))
    (slope,) = torch.autograd.grad(value, z)
    assert value.item() == 0
    assert not slope.any()


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_equals_torch(power: Literal[1, 2], margin: float) -> None:
    ours, theirs = torch.tensor(Z, requires_grad=True), torch.tensor(Z, requires_grad=True)
    value = MultiMargin(power=power, margin=margin).build(CLASSES)(ours, torch.tensor(Y))
    expected = torch.nn.functional.multi_margin_loss(theirs, torch.tensor(Y), p=power, margin=margin)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(value, ours), torch.autograd.grad(expected, theirs))


def test_has_a_second_derivative() -> None:
    z = torch.tensor(Z, requires_grad=True)
    loss = MultiMargin(power=2).build(CLASSES)
    assert torch.autograd.gradgradcheck(lambda x: loss(x, torch.tensor(Y)), (z,))


@pytest.mark.parametrize(("settings", "words"), [({"margin": 0.0}, "greater than 0"), ({"power": 3}, "1 or 2")])
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MultiMargin.model_validate(settings)
