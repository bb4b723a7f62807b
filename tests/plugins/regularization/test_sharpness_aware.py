from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.regularization.sharpness_aware import SharpnessAware


def step(optimizer: Any, height: Callable[[], torch.Tensor]) -> int:
    evaluations = 0

    def closure() -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        value = height()
        value.backward()
        return value

    optimizer.step(closure)
    return evaluations


def test_steps_by_the_gradient_at_the_worst_place_nearby() -> None:
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    steep = torch.tensor([1.0, 3.0, 5.0], dtype=torch.float64)
    start = w.detach().clone()
    optimizer = SharpnessAware(rho=0.3).wrap_optimizer(torch.optim.SGD([w], lr=0.1))
    assert step(optimizer, lambda: (steep * w.square()).sum()) == 2
    slope = 2 * steep * start
    worst = start + 0.3 * slope / slope.norm()
    torch.testing.assert_close(w.detach(), start - 0.1 * 2 * steep * worst)


def test_without_a_radius_it_is_the_optimizer_itself() -> None:
    results = []
    for rho in (None, 1e-12):
        w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
        optimizer: Any = torch.optim.Adam([w], lr=0.1)
        if rho is not None:
            optimizer = SharpnessAware(rho=rho).wrap_optimizer(optimizer)
        for _ in range(20):
            step(optimizer, lambda w=w: (w.square() * w.new_tensor([1.0, 4.0])).sum())
        results.append(w.detach())
    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-10)


def test_ends_in_a_flatter_place() -> None:
    """(a b - 1)² is zero all along a b = 1, and there its curvature, 2 (a² + b²), is least at a = b."""

    def curvature(rho: float | None) -> float:
        w = torch.tensor([3.0, 0.1], dtype=torch.float64, requires_grad=True)
        optimizer: Any = torch.optim.SGD([w], lr=0.02)
        if rho is not None:
            optimizer = SharpnessAware(rho=rho).wrap_optimizer(optimizer)
        for _ in range(1500):
            step(optimizer, lambda: (w[0] * w[1] - 1).square())
        assert w.prod().item() == pytest.approx(1, abs=0.2)
        return 2 * w.square().sum().item()

    assert curvature(None) > 15
    assert curvature(0.2) < 6


def test_schedules_and_checkpoints_reach_the_inner_optimizer() -> None:
    w = torch.tensor([1.0], requires_grad=True)
    inner = torch.optim.Adam([w], lr=0.1)
    optimizer: Any = SharpnessAware().wrap_optimizer(inner)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    step(optimizer, lambda: w.square().sum())
    schedule.step()
    assert inner.param_groups[0]["lr"] == 0.05
    state = optimizer.state_dict()
    assert state["state"][0]["step"] == 1
    other = torch.optim.Adam([w], lr=0.7)
    again: Any = SharpnessAware().wrap_optimizer(other)
    again.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.05
    assert again.param_groups is other.param_groups
    assert again.state is other.state


def test_needs_a_closure() -> None:
    optimizer = SharpnessAware().wrap_optimizer(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1))
    with pytest.raises(TypeError, match="computes the gradient twice a step, and needs a closure"):
        optimizer.step()


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        SharpnessAware(rho=0.0)
