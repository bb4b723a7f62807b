import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import TargetSpec
from recipeline_plugins.loss.log_cosh import LogCosh

P, Y = np.random.default_rng(0).normal(size=(2, 40, 2)) * 3
loss = LogCosh().build(TargetSpec("regression", ("y", "z")))


def test_equals_the_formula() -> None:
    expected = np.log(np.cosh(P - Y)).mean()
    assert loss(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-10)


def test_its_gradient_is_the_hyperbolic_tangent() -> None:
    p = torch.tensor(P, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(p, torch.tensor(Y)), p)
    np.testing.assert_allclose(slope.numpy(), np.tanh(P - Y) / P.size, rtol=1e-9)
    assert torch.autograd.gradcheck(lambda q: loss(q, torch.tensor(Y)), (p,))


@pytest.mark.parametrize("far", [1e4, -1e4])
def test_large_errors_do_not_overflow(far: float) -> None:
    p = torch.tensor([[far]], requires_grad=True)
    value = loss(p, torch.zeros(1, 1))
    (slope,) = torch.autograd.grad(value, p)
    assert value.item() == pytest.approx(abs(far) - np.log(2))
    assert slope.item() == np.sign(far)


def test_small_errors_are_half_their_square() -> None:
    small = torch.tensor([[1e-3]], dtype=torch.float64)
    assert loss(small, torch.zeros_like(small)).item() == pytest.approx(5e-7, rel=1e-5)


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        LogCosh.model_validate({"delta": 1.0})
