"""The torch optimizer of `muon`: orthogonal steps for matrices, AdamW's for the rest, one state for both.

torch has a Muon for matrices alone, in bfloat16 on every device: half of the digits are gone after the first step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Jordan et al. 2024: they raise small singular values fastest, at the price of ending near 1 rather than at it."""


def orthogonalized(matrix: torch.Tensor, iterations: int) -> torch.Tensor:
    """Nearly U V' of a matrix U S V', by Newton and Schulz's iteration on matrices alone.

    In the matrix's own precision on a CPU; elsewhere in bfloat16, which is enough for a direction.
    """
    a, b, c = COEFFICIENTS
    x = matrix if matrix.device.type == "cpu" else matrix.bfloat16()
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: torch.Tensor = (x.T if tall else x).to(matrix.dtype)
    return found


def scaled(rows: int, columns: int, scale: str) -> float:
    """Factor on the rate that makes up for the shape."""
    return 0.2 * math.sqrt(max(rows, columns)) if scale == "adamw" else math.sqrt(max(1.0, rows / columns))


class MuonSteps(torch.optim.Optimizer):
    """Groups with `orthogonal` true take Muon's steps, the others AdamW's.

    Args:
        params: Groups, each with `orthogonal` and `weight_decay`.
        lr: The rate of both.
        momentum: Memory of a matrix's gradient.
        nesterov: Whether the step looks ahead.
        scale: How the shape counts, see `scaled`.
        iterations: Of `orthogonalized`.
        betas: AdamW's memories.
        eps: AdamW's.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        scale: Literal["adamw", "original"],
        iterations: int,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        settings = {"momentum": momentum, "nesterov": nesterov, "scale": scale, "iterations": iterations}
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, **settings})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it
        """One step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            move = self._orthogonal if group["orthogonal"] else self._adamw
            for p in group["params"]:
                if p.grad is not None:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    move(p, group)
        return loss

    def _orthogonal(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        assert p.grad is not None
        state, beta = self.state[p], group["momentum"]
        if not state:
            state["mean"] = torch.zeros_like(p)
        mean = state["mean"].lerp_(p.grad, 1 - beta)
        ahead = torch.lerp(p.grad, mean, beta) if group["nesterov"] else mean
        matrix = ahead.flatten(1)
        rate = group["lr"] * scaled(matrix.size(0), matrix.size(1), group["scale"])
        p.add_(orthogonalized(matrix, group["iterations"]).view_as(p), alpha=-rate)

    def _adamw(self, p: torch.Tensor, group: dict[str, Any]) -> None:
        assert p.grad is not None
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state |= {"t": 0, "mean": torch.zeros_like(p), "square": torch.zeros_like(p)}
        state["t"] += 1
        mean = state["mean"].lerp_(p.grad, 1 - beta1)
        square = state["square"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        root = (square / (1 - beta2 ** state["t"])).sqrt_().add_(group["eps"])
        p.addcdiv_(mean, root, value=-group["lr"] / (1 - beta1 ** state["t"]))
