from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from recipeline import TargetSpec
from recipeline_plugins.loss.gaussian_nll import GaussianNLL

TWO = TargetSpec("regression", ("y", "z"))
RNG = np.random.default_rng(0)
OUT, Y = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 2))


def test_equals_scipy() -> None:
    value = GaussianNLL(floor=1e-3).build(TWO)(torch.tensor(OUT), torch.tensor(Y)).item()
    expected = -stats.norm.logpdf(Y, OUT[:, ::2], np.sqrt(np.exp(OUT[:, 1::2]) + 1e-3)).mean()
    assert value == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_right() -> None:
    loss = GaussianNLL().build(TWO)
    assert torch.autograd.gradcheck(lambda o: loss(o, torch.tensor(Y)), (torch.tensor(OUT, requires_grad=True),))


def test_has_two_outputs_a_target_and_predicts_the_mean() -> None:
    assert GaussianNLL().outputs(TWO) == 4
    outputs = torch.tensor([[1.0, -9.0, 2.0, -9.0]])
    assert GaussianNLL().link(outputs, TWO).tolist() == [[1.0, 2.0]]


def test_a_row_that_is_met_exactly_counts_no_more_than_the_floor_allows() -> None:
    loss = GaussianNLL(floor=0.01).build(TargetSpec("regression", ("y",)))
    value = loss(torch.tensor([[0.0, -1000.0]]), torch.tensor([[0.0]]))
    assert value.item() == pytest.approx(np.log(2 * np.pi * 0.01) / 2, rel=1e-6)


def test_finds_mean_and_variance() -> None:
    y = torch.tensor(RNG.normal(3.0, 0.5, size=(2000, 1)))
    out = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    loss = GaussianNLL().build(TargetSpec("regression", ("y",)))
    optimizer = torch.optim.Adam([out], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(out.expand(2000, 2), y).backward()
        optimizer.step()
    mean, log_variance = out.detach()[0].tolist()
    assert mean == pytest.approx(y.mean().item(), abs=1e-3)
    assert np.exp(log_variance) == pytest.approx(y.var(correction=0).item(), rel=1e-2)


@pytest.mark.parametrize(("floor", "words"), [(0.0, "greater than 0"), ("1", "valid number")])
def test_refuses(floor: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GaussianNLL.model_validate({"floor": floor})
