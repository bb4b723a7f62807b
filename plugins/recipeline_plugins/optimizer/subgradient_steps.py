"""The torch optimizer of `subgradient`."""

from __future__ import annotations

import math
from typing import Any

import torch

from recipeline_plugins.optimizer.evaluate import Closure, evaluated, number, trained


class SubgradientSteps(torch.optim.Optimizer):
    """Diminishing steps from point to point, while the parameters hold the best point between two steps.

    Each parameter's state has where the way goes on (`point`); that of the first one also how many steps were made
    (`t`) and the least loss (`least`).

    Args:
        params: Parameters or groups.
        lr: The first step's length.
        power: Steps are lr / t^power.
    """

    def __init__(self, params: Any, lr: float, power: float) -> None:
        super().__init__(params, {"lr": lr, "power": power})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> float:  # type: ignore[override]  # torch overloads it
        """One step; the closure is evaluated at the point where the way has come to, not at the best one."""
        parameters = trained(self.param_groups)
        progress = self.state[parameters[0]]
        best = [p.clone() for p in parameters]
        if not progress:
            progress |= {"t": 0, "least": math.inf}
            for p in parameters:
                self.state[p]["point"] = p.clone()
        for p in parameters:
            p.copy_(self.state[p]["point"])
        loss = number(evaluated(closure, "subgradient"))
        if loss < progress["least"]:
            progress["least"] = loss
            best = [p.clone() for p in parameters]
        progress["t"] += 1
        for group in self.param_groups:
            length = group["lr"] / progress["t"] ** group["power"]
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p]["point"].add_(p.grad, alpha=-length)
        for p, kept in zip(parameters, best, strict=True):
            p.copy_(kept)
        return loss
