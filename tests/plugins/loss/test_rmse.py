import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import mean_squared_error

from recipeline import TargetSpec
from recipeline_plugins.loss.rmse import RootMeanSquaredError

TARGET = TargetSpec("regression", ("y", "z"))
P, Y = np.random.default_rng(0).normal(size=(2, 40, 2))
loss = RootMeanSquaredError().build(TARGET)


def test_equals_scikit_learn() -> None:
    expected = np.sqrt(mean_squared_error(Y, P))
    assert loss(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_that_of_the_formula() -> None:
    p = torch.tensor(P, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(p, torch.tensor(Y)), p)
    expected = (P - Y) / P.size / np.sqrt(np.mean((P - Y) ** 2))
    np.testing.assert_allclose(slope.numpy(), expected, rtol=1e-10)
    assert torch.autograd.gradcheck(lambda q: loss(q, torch.tensor(Y)), (p,))


def test_an_error_of_zero_has_a_gradient_of_zero() -> None:
    p = torch.tensor(Y, requires_grad=True)
    value = loss(p, torch.tensor(Y))
    (slope,) = torch.autograd.grad(value, p)
    assert value.item() == 0
    assert not slope.any()


def test_one_row_is_the_absolute_error() -> None:
    assert loss(torch.tensor([[3.0]]), torch.tensor([[5.0]])).item() == 2


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        RootMeanSquaredError.model_validate({"squared": False})
