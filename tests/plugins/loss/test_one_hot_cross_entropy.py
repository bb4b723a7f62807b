import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import log_softmax

from recipeline import TargetSpec
from recipeline_plugins.loss.one_hot_cross_entropy import OneHotCrossEntropy

RNG = np.random.default_rng(0)
LOGITS, SHARES, Y = RNG.normal(size=(30, 3)) * 4, RNG.dirichlet([0.5] * 3, size=30), RNG.integers(0, 3, 30)
loss = OneHotCrossEntropy().build(TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 12)))


def test_equals_the_formula() -> None:
    expected = -(SHARES * log_softmax(LOGITS, axis=1)).sum(axis=1).mean()
    assert loss(torch.tensor(LOGITS), torch.tensor(SHARES)).item() == pytest.approx(expected, rel=1e-12)


def test_one_class_is_the_cross_entropy_of_torch() -> None:
    expected = torch.nn.functional.cross_entropy(torch.tensor(LOGITS), torch.tensor(Y)).item()
    one_hot = torch.nn.functional.one_hot(torch.tensor(Y), 3)
    for target in (torch.tensor(Y), one_hot):
        assert loss(torch.tensor(LOGITS), target).item() == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_the_difference_of_the_distributions() -> None:
    z = torch.tensor(LOGITS, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(z, torch.tensor(SHARES)), z)
    np.testing.assert_allclose(slope.numpy(), (np.exp(log_softmax(LOGITS, axis=1)) - SHARES) / 30, atol=1e-12)


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        OneHotCrossEntropy.model_validate({"label_smoothing": 0.1})
