"""The optimizer of `sharpness_aware`, around another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class SharpnessAwareOptimizer(Optimizer):
    """Takes the gradient at w + rho g / ||g||, and lets the other optimizer step with it from w.

    Groups and state are the other's own, so that schedules and checkpoints reach it.
    """

    def __init__(self, inner: Optimizer, rho: float) -> None:
        self.inner = inner
        self.rho = rho
        super().__init__(inner.param_groups, inner.defaults)
        self._share()

    def _share(self) -> None:
        self.param_groups = self.inner.param_groups
        self.state = self.inner.state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` computes loss and gradient, and is called twice."""
        if closure is None:
            raise TypeError("sharpness_aware computes the gradient twice a step, and needs a closure for that")
        with torch.enable_grad():
            loss = closure()
        moved = self._climb()
        with torch.enable_grad():
            closure()
        with torch.no_grad():
            for parameter, value in moved:
                parameter.copy_(value)  # and not minus e: what was added need not be what comes off again
        self.inner.step()
        return loss

    @torch.no_grad()
    def _climb(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Move up the gradient; the parameters with the values that they had."""
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if not parameters:
            return []
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        scale = self.rho / norm.clamp(min=torch.finfo(norm.dtype).tiny)
        moved = [(p, p.clone()) for p in parameters]
        for parameter in parameters:
            parameter.add_(parameter.grad * scale.to(parameter.device))
        return moved

    def state_dict(self) -> dict[str, Any]:
        """The other optimizer's."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Into the other optimizer."""
        self.inner.load_state_dict(state_dict)
        self._share()
