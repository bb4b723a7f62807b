"""The torch optimizer of `proximal_gradient`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from recipeline_plugins.optimizer.evaluate import Closure, evaluated


class ProximalSteps(torch.optim.Optimizer):
    """Gradient steps, each followed by the penalty's own: the parameters hold what the penalty has shrunk.

    Args:
        params: Parameters or groups.
        lr: The step's length.
        accelerated: FISTA's momentum.
    """

    def __init__(self, params: Any, lr: float, accelerated: bool) -> None:
        super().__init__(params, {"lr": lr, "accelerated": accelerated})
        # No state: the recipe's penalties, handed over again whenever the optimizer is built.
        self.shrinking: dict[torch.Tensor, Callable[[torch.Tensor, float], torch.Tensor]] = {}

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """One step; under FISTA the closure is evaluated ahead of where the parameters are."""
        held = [(group, p, p.clone()) for group in self.param_groups for p in group["params"]]
        for group, p, now in held:
            if group["accelerated"]:
                self._look_ahead(p, now)
        loss = evaluated(closure, "proximal_gradient")
        for group, p, now in held:
            if p.grad is None:
                p.copy_(now)
                continue
            p.add_(p.grad, alpha=-group["lr"])
            if p in self.shrinking:
                p.copy_(self.shrinking[p](p, group["lr"]))
        return loss

    def _look_ahead(self, p: torch.Tensor, now: torch.Tensor) -> None:
        state = self.state[p]
        if not state:
            state |= {"t": 1.0, "before": now.clone()}
            return
        t = state["t"]
        state["t"] = (1 + math.sqrt(1 + 4 * t * t)) / 2
        p.add_(now - state["before"], alpha=(t - 1) / state["t"])
        state["before"].copy_(now)
