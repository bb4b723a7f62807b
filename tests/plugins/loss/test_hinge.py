from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import hinge_loss

from recipeline import TargetSpec
from recipeline_plugins.loss.hinge import Hinge

RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40)
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 22))
BINARY = TargetSpec("binary", ("y",), ("no", "yes"), (20, 20))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"), (9, 9, 22))


def test_equals_scikit_learn_for_several_classes() -> None:
    value = Hinge().build(CLASSES)(torch.tensor(Z), torch.tensor(Y)).item()
    assert value == pytest.approx(hinge_loss(Y, Z, labels=[0, 1, 2]), rel=1e-12)


def test_equals_scikit_learn_for_two_classes() -> None:
    y = Y % 2
    value = Hinge().build(BINARY)(torch.tensor(Z[:, :2]), torch.tensor(y)).item()
    assert value == pytest.approx(hinge_loss(y, Z[:, 1] - Z[:, 0]), rel=1e-12)


@pytest.mark.parametrize("squared", [False, True])
def test_equals_the_formula_for_labels(squared: bool) -> None:
    y = RNG.integers(0, 2, (40, 3))
    lacking = np.maximum(0, 2.5 - (2 * y - 1) * Z)
    loss = Hinge(margin=2.5, squared=squared).build(LABELS)
    value = loss(torch.tensor(Z), torch.tensor(y, dtype=torch.float64)).item()
    assert value == pytest.approx((lacking**2 if squared else lacking).mean(), rel=1e-12)


def test_its_gradient_is_right() -> None:
    z = torch.tensor(Z, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Hinge(squared=True).build(CLASSES)(x, torch.tensor(Y)), (z,))


def test_what_is_right_by_the_margin_does_not_count() -> None:
    z = torch.tensor([[5.0, 3.9, 0.0]], requires_grad=True)
    value = Hinge().build(CLASSES)(z, torch.tensor([0]))
    (slope,) = torch.autograd.grad(value, z)
    assert value.item() == 0
    assert not slope.any()


@pytest.mark.parametrize(
    ("settings", "words"), [({"margin": 0.0}, "greater than 0"), ({"squared": 1}, "valid boolean")]
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Hinge.model_validate(settings)
