from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.newton_cg import NewtonCG
from recipeline_plugins.optimizer.newton_cg_steps import conjugate_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 8)) * np.logspace(-1, 0.5, 8)
Y = (X.sum(axis=1) + RNG.normal(size=40) > 0).astype(float)


def parts(w: Any) -> tuple[float, Any, Any]:
    """Loss, gradient and Hessian of logistic regression with a ridge."""
    z = X @ w
    p = 1 / (1 + np.exp(-z))
    loss = np.logaddexp(0, z).mean() - (Y * z).mean() + 0.01 * w @ w
    gradient = X.T @ (p - Y) / 40 + 0.02 * w
    return loss, gradient, (X * (p * (1 - p))[:, None]).T @ X / 40 + 0.02 * np.eye(8)


def book(w: Any, steps: int, damping: float, iterations: int) -> list[Any]:
    """Nocedal & Wright 2006, algorithm 7.1."""
    found = []
    for _ in range(steps):
        loss, g, matrix = parts(w)
        matrix = matrix + damping * np.eye(8)
        z, r, d = np.zeros(8), g, -g
        tolerance = min(0.5, np.sqrt(np.linalg.norm(g))) * np.linalg.norm(g)
        for _ in range(iterations):
            alpha = r @ r / (d @ matrix @ d)
            z, new = z + alpha * d, r + alpha * matrix @ d
            beta, r = new @ new / (r @ r), new
            if np.linalg.norm(r) <= tolerance:
                break
            d = -r + beta * d
        t = 1.0
        while parts(w + t * z)[0] > loss + 1e-4 * t * g @ z and t > 2.0**-30:
            t /= 2
        w = w + t * z if t > 2.0**-30 else w
        found.append(w)
    return found


@pytest.mark.parametrize(("damping", "iterations"), [(0.0, 50), (0.1, 50), (0.0, 2)])
def test_follows_the_book(damping: float, iterations: int) -> None:
    w = torch.nn.Parameter(torch.full((8,), 2.0, dtype=torch.float64))
    optimizer = NewtonCG(damping=damping, max_iter=iterations).build([w])

    def closure() -> Any:
        optimizer.zero_grad()
        z = torch.tensor(X) @ w
        loss = torch.logaddexp(torch.zeros_like(z), z).mean() - (torch.tensor(Y) * z).mean() + 0.01 * w @ w
        loss.backward(retain_graph=True)
        return loss

    found = []
    for _ in range(50):
        optimizer.step(closure)
        found.append(w.detach().numpy().copy())
    np.testing.assert_allclose(found, book(np.full(8, 2.0), 50, damping, iterations), rtol=1e-6, atol=1e-7)
    if not damping:
        assert np.abs(parts(found[-1])[1]).max() < 1e-6


def test_solves_a_linear_system() -> None:
    matrix = torch.tensor(parts(np.ones(8))[2])
    slope = torch.linspace(-1e-9, 1e-9, 8, dtype=torch.float64)  # small, so that the tolerance is tight
    found = conjugate_gradients(lambda v: matrix @ v, slope, 100)
    torch.testing.assert_close(found, -torch.linalg.solve(matrix, slope), rtol=1e-4, atol=1e-12)


def test_stops_where_the_loss_curves_downwards() -> None:
    slope = torch.tensor([1.0, 0.1])
    assert conjugate_gradients(lambda v: -v, slope, 10).tolist() == pytest.approx([-1.0, -0.1])
    found = conjugate_gradients(lambda v: torch.tensor([1.0, -1.0]) * v, slope, 10)
    assert found @ slope < 0


def test_stays_at_a_minimum() -> None:
    w = torch.nn.Parameter(torch.zeros(2))
    optimizer = NewtonCG().build([w])
    assert optimizer.step(lambda: w.square().sum()) == 0.0  # type: ignore[arg-type, return-value]  # with its graph
    assert w.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"damping": -1.0}, "greater than or equal to 0"),
        ({"max_iter": 0}, "greater than 0"),
        ({"groups": [{"pattern": "a", "lr": 0.1}]}, "'newton_cg' finds one step for all parameters together"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        NewtonCG.model_validate(settings)
