"""A linear model with a loss, a penalty and an optimizer comes to what scikit-learn finds by other means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge

from recipeline import Block, InputSpec, Loss, Optimizer, Regularization, TargetSpec
from recipeline_plugins.architecture.linear import Linear
from recipeline_plugins.loss.cross_entropy import CrossEntropy
from recipeline_plugins.loss.mae import MeanAbsoluteError
from recipeline_plugins.loss.mse import MeanSquaredError
from recipeline_plugins.optimizer.lbfgs import LBFGS
from recipeline_plugins.optimizer.newton import Newton
from recipeline_plugins.optimizer.newton_cg import NewtonCG
from recipeline_plugins.optimizer.proximal_gradient import ProximalGradient
from recipeline_plugins.optimizer.subgradient import Subgradient
from recipeline_plugins.regularization.elastic_net import ElasticNet as OurElasticNet
from recipeline_plugins.regularization.l1 import L1
from recipeline_plugins.regularization.l2 import L2


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models are fastest and steadiest on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def standardized(table: Any) -> Any:
    return (table - table.mean(axis=0)) / table.std(axis=0)


DIABETES = load_diabetes()
X = standardized(DIABETES.data)
Y = standardized(DIABETES.target)
VALUES = TargetSpec("regression", ("y",))


def trained(
    x: Any, y: Any, target: TargetSpec, loss: Loss, penalties: Sequence[Regularization], plugin: Optimizer, steps: int
) -> Any:
    """What the engine does on the full batch, in float64."""
    names = tuple(str(i) for i in range(x.shape[1]))
    network = Linear().build(InputSpec({"numeric": Block(names, (len(names),))}), target.outputs).double()
    function = loss.build(target)
    optimizer = plugin.build_for(network, list(network.parameters()))
    added = [p for p in penalties if not ((terms := p.proximal(network)) and plugin.take_over(optimizer, terms))]
    inputs, truth = torch.tensor(x), torch.tensor(y)

    def closure() -> Any:
        optimizer.zero_grad()
        value = function(network(inputs), truth)
        for each in added:
            penalty = each.penalty(network)
            assert penalty is not None
            value = value + penalty
        value.backward(retain_graph=plugin.second_order)
        return value if plugin.second_order else value.detach()

    for _ in range(steps):
        optimizer.step(closure)
    return network.weight.detach().numpy(), network.bias.detach().numpy()


@pytest.mark.parametrize(
    ("optimizer", "steps"),
    [(Newton(), 1), (NewtonCG(), 30), (LBFGS(max_iter=200, tolerance=1e-10, change=0.0), 1)],
)
def test_mse_with_l2_is_ridge(optimizer: Optimizer, steps: int) -> None:
    weight = 0.1
    found, bias = trained(X, Y[:, None], VALUES, MeanSquaredError(), [L2(weight=weight)], optimizer, steps)
    expected = Ridge(alpha=weight * len(Y), solver="cholesky").fit(X, Y)
    np.testing.assert_allclose(found[0], expected.coef_, rtol=1e-6)
    np.testing.assert_allclose(bias, expected.intercept_, atol=1e-8)


@pytest.mark.parametrize(("accelerated", "steps"), [(True, 2000), (False, 4000)])
@pytest.mark.parametrize("alpha", [0.02, 0.1])
def test_mse_with_l1_by_proximal_gradient_is_lasso(accelerated: bool, steps: int, alpha: float) -> None:
    optimizer = ProximalGradient(lr=0.1, accelerated=accelerated)
    found, _ = trained(X, Y[:, None], VALUES, MeanSquaredError(), [L1(weight=2 * alpha)], optimizer, steps)
    expected = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(X, Y).coef_
    assert ((found[0] == 0) == (expected == 0)).all()
    assert 0 < (expected == 0).sum() < len(expected)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_l2_stays_in_the_loss_beside_a_penalty_that_is_taken_over() -> None:
    expected = ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-12, max_iter=100_000).fit(X, Y).coef_
    both = [L1(weight=0.1), L2(weight=0.05)]
    found, _ = trained(X, Y[:, None], VALUES, MeanSquaredError(), both, ProximalGradient(), 2000)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert ((found[0] == 0) == (expected == 0)).all()


def test_elastic_net_by_proximal_gradient() -> None:
    expected = ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-12, max_iter=100_000).fit(X, Y).coef_
    one = [OurElasticNet(weight=0.15, ratio=2 / 3)]
    found, _ = trained(X, Y[:, None], VALUES, MeanSquaredError(), one, ProximalGradient(), 2000)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert ((found[0] == 0) == (expected == 0)).all()


def test_mse_with_l1_by_subgradient_comes_near_the_lassos_objective() -> None:
    alpha = 0.1

    def objective(coefficients: Any) -> float:
        return float(((X @ coefficients - Y) ** 2).mean() + 2 * alpha * np.abs(coefficients).sum())

    found, _ = trained(X, Y[:, None], VALUES, MeanSquaredError(), [L1(weight=2 * alpha)], Subgradient(lr=0.1), 2000)
    least = objective(Lasso(alpha=alpha, tol=1e-12).fit(X, Y).coef_)
    assert least <= objective(found[0]) <= least + 1e-3


def test_mae_by_subgradient_comes_near_the_linear_program() -> None:
    from scipy.optimize import linprog

    rows, columns = X.shape
    design = np.column_stack([X, np.ones(rows)])
    split = [np.hstack([design, -np.eye(rows)]), np.hstack([-design, -np.eye(rows)])]
    costs = np.r_[np.zeros(columns + 1), np.full(rows, 1 / rows)]
    bounds = [(None, None)] * (columns + 1) + [(0, None)] * rows
    least = linprog(costs, A_ub=np.vstack(split), b_ub=np.r_[Y, -Y], bounds=bounds).fun
    found, bias = trained(X, Y[:, None], VALUES, MeanAbsoluteError(), [], Subgradient(lr=0.3), 3000)
    assert least <= np.abs(X @ found[0] + bias - Y).mean() <= least + 3e-3


@pytest.mark.parametrize(
    ("optimizer", "steps"),
    [(LBFGS(max_iter=500, tolerance=1e-9, change=0.0), 1), (Newton(), 12), (NewtonCG(), 30)],
)
def test_cross_entropy_is_logistic_regression(optimizer: Optimizer, steps: int) -> None:
    data = load_iris()
    x, y = standardized(data.data), data.target
    strength = 0.01
    target = TargetSpec("multiclass", ("species",), ("a", "b", "c"), (50, 50, 50))
    found, bias = trained(x, y, target, CrossEntropy(), [L2(weight=strength)], optimizer, steps)
    reference = LogisticRegression(C=1 / (2 * strength * len(y)), tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(found, reference.coef_, atol=1e-4)
    np.testing.assert_allclose(bias - bias.mean(), reference.intercept_ - reference.intercept_.mean(), atol=1e-4)
