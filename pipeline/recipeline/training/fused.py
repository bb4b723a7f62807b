"""torch's fused Adam, called with lists that are gathered once: its own step gathers them anew every time.

That is two thirds of the step of a small network's optimizer. The kernel is the same, called with the same tensors, so
that weights and state come out byte for byte as with `Optimizer.step`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_OTHERWISE = ("amsgrad", "maximize", "capturable", "differentiable")
"""Settings under which the kernel is called otherwise."""


@dataclass(slots=True)
class _Group:
    settings: dict[str, Any]
    kernel: Callable[..., None]
    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]


def fits(optimizer: torch.optim.Adam) -> bool:
    """Whether this is torch's own class, with all its groups fused, in float32 and on one device."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return (
        type(optimizer) in (torch.optim.Adam, torch.optim.AdamW)
        and len({(parameter.device, parameter.dtype) for parameter in parameters}) == 1
        and parameters[0].dtype == torch.float32
        and all(group["fused"] for group in optimizer.param_groups)
        and not any(group[name] for group in optimizer.param_groups for name in _OTHERWISE)
    )


class FusedAdam:
    """The step of an Adam or AdamW whose groups are all fused.

    Args:
        optimizer: The optimizer.
        usual: Its own step, for the first time, when there is no state yet, and wherever a parameter has no gradient.
    """

    def __init__(self, optimizer: torch.optim.Adam, usual: Callable[[], Any]) -> None:
        self._optimizer, self._usual = optimizer, usual
        self._groups: list[_Group] = []

    def __call__(self) -> None:
        """Move the parameters."""
        groups = self._groups
        if not groups or self._optimizer.state[groups[0].parameters[0]].get("exp_avg") is not groups[0].means[0]:
            self._usual()
            self._gather()  # the state is there by now, or another one has been loaded
            return
        gradients = [[parameter.grad for parameter in group.parameters] for group in groups]
        if any(gradient is None for each in gradients for gradient in each):
            self._usual()
            return
        with torch.no_grad():
            for group, grads in zip(groups, gradients, strict=True):
                settings = group.settings
                beta1, beta2 = settings["betas"]
                torch._foreach_add_(group.steps, 1)
                group.kernel(
                    group.parameters,
                    grads,
                    group.means,
                    group.squares,
                    [],
                    group.steps,
                    amsgrad=False,
                    lr=settings["lr"],
                    beta1=beta1,
                    beta2=beta2,
                    weight_decay=settings["weight_decay"],
                    eps=settings["eps"],
                    maximize=False,
                    grad_scale=None,
                    found_inf=None,
                )

    def _gather(self) -> None:
        """Look up every parameter's state; nothing is gathered while one has none."""
        state, self._groups = self._optimizer.state, []
        found = []
        for settings in self._optimizer.param_groups:
            parameters = list(settings["params"])
            states = [state[parameter] for parameter in parameters if "exp_avg" in state.get(parameter, {})]
            if len(states) < len(parameters) or not parameters:
                return
            kernel = torch._fused_adamw_ if settings["decoupled_weight_decay"] else torch._fused_adam_
            means, squares, steps = ([each[key] for each in states] for key in ("exp_avg", "exp_avg_sq", "step"))
            found.append(_Group(settings, kernel, parameters, means, squares, steps))
        self._groups = found
