import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import RecipeError
from recipeline_plugins.optimizer.newton import Newton
from recipeline_plugins.optimizer.newton_steps import descent, hessian

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = (X @ np.array([2.0, -1.0, 0.5, 0.0]) + RNG.normal(size=30) > 0).astype(float)


def stepped(plugin: Newton, parameters: list[torch.nn.Parameter], loss: Any, steps: int) -> list[Any]:
    optimizer = plugin.build(parameters)

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss()
        value.backward(retain_graph=True)
        return value

    found = []
    for _ in range(steps):
        optimizer.step(closure)
        found.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return found


def test_solves_least_squares_in_one_step() -> None:
    y = RNG.normal(size=30)
    weight, bias = torch.nn.Parameter(torch.ones(4, dtype=torch.float64)), torch.nn.Parameter(torch.ones(1).double())

    def loss() -> torch.Tensor:
        return (torch.tensor(X) @ weight + bias - torch.tensor(y)).square().mean()

    (found,) = stepped(Newton(), [weight, bias], loss, 1)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(30)]), y, rcond=None)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def numpys(w: Any, steps: int, lr: float, damping: float, ridge: float) -> list[Any]:
    """Nocedal & Wright, algorithm 3.2 with 3.1, for logistic regression."""

    def height(w: Any) -> float:
        return float(np.logaddexp(0, X @ w).mean() - (Y * (X @ w)).mean() + ridge * w @ w)

    found = []
    for _ in range(steps):
        p = 1 / (1 + np.exp(-X @ w))
        g = X.T @ (p - Y) / 30 + 2 * ridge * w
        curvature = (X * (p * (1 - p))[:, None]).T @ X / 30 + 2 * ridge * np.eye(4)
        d, t = -np.linalg.solve(curvature + damping * np.eye(4), g), lr
        while height(w + t * d) > height(w) + 1e-4 * t * g @ d and t > lr / 2**30:
            t /= 2
        w = w + t * d if height(w + t * d) <= height(w) + 1e-4 * t * g @ d else w
        found.append(w)
    return found


@pytest.mark.parametrize(("lr", "damping", "start"), [(1.0, 0.0, 0.0), (1.0, 0.5, 3.0), (4.0, 0.1, 1.0)])
def test_follows_the_book(lr: float, damping: float, start: float) -> None:
    w = torch.nn.Parameter(torch.full((4,), start, dtype=torch.float64))

    def loss() -> torch.Tensor:
        z = torch.tensor(X) @ w
        smooth: torch.Tensor = torch.logaddexp(torch.zeros_like(z), z).mean() - (torch.tensor(Y) * z).mean()
        return smooth + 0.01 * w @ w

    found = stepped(Newton(lr=lr, damping=damping), [w], loss, 50)
    np.testing.assert_allclose(found, numpys(np.full(4, start), 50, lr, damping, 0.01), rtol=1e-6, atol=1e-8)


def test_the_hessian_is_the_matrix_of_second_derivatives() -> None:
    a, b = torch.nn.Parameter(torch.tensor([2.0, 3.0])), torch.nn.Parameter(torch.tensor(5.0))
    slope = torch.cat(
        [g.reshape(-1) for g in torch.autograd.grad(a[0] ** 3 * a[1] + b * a[1], [a, b], create_graph=True)]
    )
    assert hessian(slope, [a, b]).tolist() == [[36, 12, 0], [12, 0, 1], [0, 1, 0]]
    assert hessian(torch.ones(2), [a]).tolist() == [[0, 0], [0, 0]]


def test_leaves_a_saddle_downhill() -> None:
    w = torch.nn.Parameter(torch.tensor([1.0, 0.01], dtype=torch.float64))

    def loss() -> torch.Tensor:
        return w[0] ** 2 - w[1] ** 2 + w[1] ** 4

    found = stepped(Newton(), [w], loss, 30)[-1]
    assert found == pytest.approx([0, math.sqrt(0.5)], abs=1e-6)


def test_directions_go_downhill_whatever_the_matrix() -> None:
    slope = torch.tensor([1.0, -2.0])
    for matrix in (torch.zeros(2, 2), -torch.eye(2), torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.full((2, 2), 1e30)):
        assert descent(matrix, slope, 0.0) @ slope < 0
    assert descent(torch.full((2, 2), math.nan), slope, 0.0).tolist() == [-1.0, 2.0]
    assert descent(torch.eye(2), slope, 1.0).tolist() == [-0.5, 1.0]


def test_refuses_a_model_that_is_too_large_with_its_number() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(60, 50)), torch.nn.Parameter(torch.zeros(50))]
    words = (
        r"optimizer.max_parameters: 'newton' takes models of at most 2,000 parameters: .* \(found 3,050 parameters\)"
    )
    with pytest.raises(RecipeError, match=words):
        Newton().build(parameters)
    Newton(max_parameters=3050).build(parameters)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"damping": -1.0}, "greater than or equal to 0"),
        ({"max_parameters": 0}, "greater than 0"),
        ({"lr": 0.0}, "greater than 0"),
        ({"groups": [{"pattern": "a", "lr": 0.1}]}, "'newton' finds one step for all parameters together"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Newton.model_validate(settings)
