"""The torch optimizer of `newton_cg`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from recipeline_plugins.optimizer.evaluate import Closure, backtracked, evaluated, flat, gradient, number, put, trained


def conjugate_gradients(
    times: Callable[[torch.Tensor], torch.Tensor], slope: torch.Tensor, iterations: int
) -> torch.Tensor:
    """A direction d with times(d) nearly -slope; downhill in any case. Nocedal & Wright, algorithm 7.1.

    Args:
        times: The product of the matrix with a vector.
        slope: The gradient.
        iterations: The most products.
    """
    size = float(slope.norm())
    tolerance = min(0.5, size**0.5) * size
    found, residual, direction = torch.zeros_like(slope), slope, -slope
    for done in range(iterations):
        product = times(direction)
        curvature = float(direction @ product)
        if curvature <= 0:
            return found if done else -slope
        square = float(residual @ residual)
        length = square / curvature
        found = found + length * direction
        residual = residual + length * product
        if float(residual.norm()) <= tolerance:
            break
        direction = -residual + float(residual @ residual) / square * direction
    return found


class NewtonCGSteps(torch.optim.Optimizer):
    """Newton steps by conjugate gradients, with a backtracking line search. It has no state.

    Args:
        params: The parameters, in one group.
        lr: The first length tried.
        damping: Added to the Hessian's diagonal.
        iterations: The most products with the Hessian in a step.
    """

    def __init__(self, params: Any, lr: float, damping: float, iterations: int) -> None:
        super().__init__(params, {"lr": lr, "damping": damping, "iterations": iterations})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float:  # type: ignore[override]  # torch overloads it
        """One step; the closure returns the loss with its graph."""
        group, parameters = self.param_groups[0], trained(self.param_groups)
        loss = evaluated(closure, "newton_cg", twice=True)
        with torch.enable_grad():
            graph = gradient(loss, parameters, "newton_cg")
        slope, damping = graph.detach(), float(group["damping"])

        def times(vector: torch.Tensor) -> torch.Tensor:
            if not graph.requires_grad:  # a loss that is linear in the parameters
                return vector * damping
            again = torch.autograd.grad(
                graph, parameters, vector, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            return flat(again) + vector * damping

        def loss_at(point: torch.Tensor) -> float:
            put(point, parameters)
            return number(evaluated(closure, "newton_cg", twice=True))

        start, value = flat(parameters), number(loss)
        if not bool(slope.any()):
            return value
        direction = conjugate_gradients(times, slope, group["iterations"])
        put(backtracked(loss_at, start, value, direction, float(slope @ direction), group["lr"]), parameters)
        return value
