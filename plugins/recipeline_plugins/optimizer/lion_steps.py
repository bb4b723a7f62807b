"""The torch optimizer of `lion`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class LionSteps(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2.

    Args:
        params: Parameters or groups.
        lr: How far every parameter moves in a step.
        betas: Share of the momentum in the direction, memory of the momentum.
        weight_decay: Share of the parameters that lr takes off in a step.
    """

    def __init__(self, params: Any, lr: float, betas: tuple[float, float], weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it
        """One step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"]
                direction = torch.lerp(p.grad, m, beta1).sign_()
                p.mul_(1 - lr * group["weight_decay"]).add_(direction, alpha=-lr)
                m.lerp_(p.grad, 1 - beta2)
        return loss
