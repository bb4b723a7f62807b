from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.lbfgs import LBFGS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5)) * np.logspace(-0.5, 0.5, 5)
Y = (RNG.random(30) < 0.5).astype(float)


def loss_and_gradient(w: Any) -> tuple[float, Any]:
    """Logistic regression with a ridge: convex, no parabola. In thousands: torch leaves out pairs with s'y < 1e-10."""
    z = X @ w
    loss = np.logaddexp(0, z).mean() - (Y * z).mean() + 0.005 * w @ w
    return 1000 * loss, 1000 * (X.T @ (1 / (1 + np.exp(-z)) - Y) / len(Y) + 0.01 * w)


def torchs(w: torch.Tensor) -> torch.Tensor:
    z = torch.tensor(X) @ w
    return 1000 * (torch.nn.functional.softplus(z).mean() - (torch.tensor(Y) * z).mean() + 0.005 * w @ w)


def two_loops(lr: float, history: int, steps: int) -> list[Any]:
    """Nocedal 1980; Nocedal & Wright, algorithm 7.4, with a fixed step, the first one of length lr in the 1-norm."""
    w, pairs, found = np.zeros(5), [], []
    _, g = loss_and_gradient(w)
    for step in range(steps):
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append(s @ q / (y @ s))
            q = q - alphas[-1] * y
        if pairs:
            s, y = pairs[-1]
            q = q * (s @ y) / (y @ y)
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            q = q + s * (alpha - y @ q / (y @ s))
        t = min(1.0, 1 / np.abs(g).sum()) * lr if step == 0 else lr
        moved, before = -t * q, g
        w = w + moved
        _, g = loss_and_gradient(w)
        pairs = [*pairs, (moved, g - before)][-history:]
        found.append(w)
    return found


def trajectory(steps: int, break_at: int | None = None, **settings: Any) -> list[Any]:
    w = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    plugin = LBFGS(max_iter=1, **settings)
    optimizer = plugin.build([w])

    def closure() -> float:
        optimizer.zero_grad()
        loss = torchs(w)
        torch.autograd.backward(loss)
        return loss.item()

    found = []
    for step in range(steps):
        if step == break_at:
            state = optimizer.state_dict()
            optimizer = plugin.build([w])
            optimizer.load_state_dict(state)
        optimizer.step(closure)
        found.append(w.detach().numpy().copy())
    return found


def test_follows_the_two_loop_recursion() -> None:
    found = trajectory(50, lr=0.3, history=4, line_search="none", tolerance=0.0, change=0.0)
    np.testing.assert_allclose(found, two_loops(0.3, 4, 50), rtol=1e-6, atol=1e-9)


def test_goes_on_where_it_was_saved() -> None:
    assert np.array_equal(trajectory(8)[-1], trajectory(8, break_at=4)[-1])


def test_several_iterations_in_a_step_find_the_minimum() -> None:
    w = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer = LBFGS(max_iter=100, tolerance=1e-10, change=0.0).build([w])
    evaluations = []

    def closure() -> float:
        optimizer.zero_grad()
        loss = torchs(w)
        torch.autograd.backward(loss)
        evaluations.append(loss.item())
        return loss.item()

    optimizer.step(closure)
    assert len(evaluations) > 10
    assert np.abs(loss_and_gradient(w.detach().numpy())[1]).max() < 1e-5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"change": -1.0}, "greater than or equal to 0"),
        ({"lr": 0.0}, "greater than 0"),
        ({"max_iter": 0}, "greater than 0"),
        ({"history": 0}, "greater than 0"),
        ({"line_search": "wolfe"}, "'strong_wolfe' or 'none'"),
        ({"tolerance": -1.0}, "greater than or equal to 0"),
        ({"groups": [{"pattern": "a", "lr": 0.1}]}, "'lbfgs' finds one step for all parameters together, so none can"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LBFGS.model_validate(settings)
