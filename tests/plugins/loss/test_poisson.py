import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import special, stats
from sklearn.linear_model import PoissonRegressor

from recipeline import TargetSpec
from recipeline_plugins.loss.poisson import Poisson

TARGET = TargetSpec("regression", ("visits",))
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(50, 1))
Y = RNG.poisson(np.exp(Z)).astype(float)
loss = Poisson().build(TARGET)


def test_equals_the_likelihood_of_scipy_but_for_a_constant() -> None:
    expected = -stats.poisson.logpmf(Y, np.exp(Z)).mean() - special.gammaln(Y + 1).mean()
    assert loss(torch.tensor(Z), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-10)
    torchs = torch.nn.functional.poisson_nll_loss(torch.tensor(Z), torch.tensor(Y))
    assert loss(torch.tensor(Z), torch.tensor(Y)).item() == pytest.approx(torchs.item(), rel=1e-12)


def test_its_gradient_is_rate_less_count() -> None:
    z = torch.tensor(Z, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(z, torch.tensor(Y)), z)
    np.testing.assert_allclose(slope.numpy(), (np.exp(Z) - Y) / len(Z), rtol=1e-10)


def test_its_minimum_over_a_linear_model_is_scikit_learns() -> None:
    x = RNG.normal(size=(200, 2))
    y = RNG.poisson(np.exp(0.5 + x @ [0.8, -0.3])).astype(float)
    reference = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(x, y)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss((torch.tensor(x) @ w[:2] + w[2])[:, None], torch.tensor(y)[:, None])
        value.backward()
        return value

    optimizer.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), [*reference.coef_, reference.intercept_], atol=1e-5)


def test_predictions_are_rates() -> None:
    outputs = torch.tensor([[0.0], [1.0], [-50.0]])
    rates = Poisson().link(outputs, TARGET)
    torch.testing.assert_close(rates, outputs.exp())
    assert (rates > 0).all()


def test_knows_what_is_no_count() -> None:
    wrong = Poisson().unlearnable(np.array([[0.0], [3.0], [-1.0], [0.5]]), TARGET)
    assert wrong is not None
    assert wrong[:, 0].tolist() == [False, False, True, False]
    assert Poisson.raw_target


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Poisson.model_validate({"log_input": True})
