import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import softmax
from scipy.stats import entropy

from recipeline import TargetSpec
from recipeline_plugins.loss.kl_divergence import KLDivergence

RNG = np.random.default_rng(0)
LOGITS, SHARES, Y = RNG.normal(size=(30, 3)) * 4, RNG.dirichlet([0.5] * 3, size=30), RNG.integers(0, 3, 30)
loss = KLDivergence().build(TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 12)))


def test_equals_scipy() -> None:
    expected = entropy(SHARES, softmax(LOGITS, axis=1), axis=1).mean()
    assert loss(torch.tensor(LOGITS), torch.tensor(SHARES)).item() == pytest.approx(expected, rel=1e-10)


def test_vanishes_where_the_distributions_agree() -> None:
    assert loss(torch.tensor(np.log(SHARES)), torch.tensor(SHARES)).item() == pytest.approx(0, abs=1e-12)


def test_one_class_is_the_cross_entropy() -> None:
    expected = torch.nn.functional.cross_entropy(torch.tensor(LOGITS), torch.tensor(Y)).item()
    assert loss(torch.tensor(LOGITS), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_right() -> None:
    z = torch.tensor(LOGITS, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.tensor(SHARES)), (z,))


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        KLDivergence.model_validate({"reduction": "mean"})
