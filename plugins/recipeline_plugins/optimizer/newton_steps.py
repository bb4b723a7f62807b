"""The torch optimizer of `newton`."""

from __future__ import annotations

from typing import Any

import torch

from recipeline_plugins.optimizer.evaluate import Closure, backtracked, evaluated, flat, gradient, number, put, trained


def hessian(slope: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
    """The matrix of second derivatives, all rows in one vectorized pass.

    Args:
        slope: The gradient as a vector, with its graph.
        parameters: What it is differentiated by.
    """
    size = len(slope)
    if not slope.requires_grad:  # a loss that is linear in the parameters
        return slope.new_zeros(size, size)

    def row(direction: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(
            slope, parameters, direction, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return flat(found)

    found = torch.func.vmap(row)(torch.eye(size, dtype=slope.dtype, device=slope.device))
    return (found + found.T) / 2  # symmetric but for rounding


def descent(matrix: torch.Tensor, slope: torch.Tensor, damping: float) -> torch.Tensor:
    """-(matrix + damping I)⁻¹ slope, the damping raised tenfold until the sum is positive definite."""
    identity = torch.eye(len(slope), dtype=slope.dtype, device=slope.device)
    least = max(1e-3 * torch.finfo(slope.dtype).eps ** 0.5 * float(matrix.abs().max()), 1e-12)
    for _ in range(60):
        factor, failed = torch.linalg.cholesky_ex(matrix + damping * identity)
        if not failed and bool(factor.isfinite().all()):
            return -torch.cholesky_solve(slope[:, None], factor)[:, 0]
        damping = max(10 * damping, least)
    return -slope  # second derivatives that are not finite


class NewtonSteps(torch.optim.Optimizer):
    """Damped Newton steps with a backtracking line search. It has no state: a step depends on the point alone.

    Args:
        params: The parameters, in one group.
        lr: The first length tried.
        damping: Added to the Hessian's diagonal.
    """

    def __init__(self, params: Any, lr: float, damping: float) -> None:
        super().__init__(params, {"lr": lr, "damping": damping})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float:  # type: ignore[override]  # torch overloads it
        """One step; the closure returns the loss with its graph."""
        group, parameters = self.param_groups[0], trained(self.param_groups)
        loss = evaluated(closure, "newton", twice=True)
        with torch.enable_grad():
            slope = gradient(loss, parameters, "newton")
            curvature = hessian(slope, parameters).detach()
        slope = slope.detach()
        direction = descent(curvature, slope, group["damping"])

        def loss_at(point: torch.Tensor) -> float:
            put(point, parameters)
            return number(evaluated(closure, "newton", twice=True))

        start, value = flat(parameters), number(loss)
        put(backtracked(loss_at, start, value, direction, float(slope @ direction), group["lr"]), parameters)
        return value
