"""What an optimizer promises: to go downhill, and to go on after a break."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from recipeline.families.optimizer import Optimizer
from recipeline.testing.examples import saved_and_loaded
from recipeline.testing.promises import holds, promised

if TYPE_CHECKING:
    import torch
    from torch import nn


def quadratic(seed: int = 0) -> tuple[list[nn.Parameter], Callable[[], torch.Tensor]]:
    """Parameters far from the minimum of a bowl, and its height at them."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    parameters = [torch.nn.Parameter(torch.randn(shape, generator=generator) * 3) for shape in ((4, 3), (3,))]
    steepness = [torch.rand(p.shape, generator=generator) + 0.5 for p in parameters]

    def height() -> torch.Tensor:
        return torch.stack([(a * p.square()).sum() for a, p in zip(steepness, parameters, strict=True)]).sum()

    return parameters, height


def descend(
    optimizer: torch.optim.Optimizer, height: Callable[[], torch.Tensor], steps: int, graph: bool = False
) -> None:
    """Step down, with the closure that every torch optimizer takes.

    Args:
        optimizer: Built over the parameters that the height depends on.
        height: What is to become less.
        steps: How many.
        graph: Whether the optimizer differentiates again: the closure then returns the height with its graph.
    """

    def closure() -> float:
        import torch

        with torch.enable_grad():
            optimizer.zero_grad()
            value = height()
            torch.autograd.backward(value, retain_graph=graph)
        # torch declares a number, and takes whatever its own optimizers can convert to one
        return value if graph else value.item()  # type: ignore[return-value]

    for _ in range(steps):
        optimizer.step(closure)


def check_optimizer(plugin: Optimizer) -> None:
    """Check an optimizer on a bowl, and again after saving and loading it on the way."""
    import torch

    parameters, height = quadratic()
    with promised(plugin, "builds over parameters"):
        optimizer = plugin.build(parameters)
    holds(isinstance(optimizer, torch.optim.Optimizer), plugin, "builds a torch optimizer", type(optimizer).__name__)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    holds(held == {id(p) for p in parameters}, plugin, "takes every parameter that it is given, and no other")
    rates = {float(group["lr"]) for group in optimizer.param_groups}
    holds(rates == {plugin.lr}, plugin, "starts at the learning rate `lr`", f"{rates} instead of {plugin.lr}")
    before = height().item()
    with promised(plugin, "steps"):
        descend(optimizer, height, 50, plugin.second_order)
    after = height().item()
    holds(after < before, plugin, "reduces a quadratic in 50 steps", f"{before:.6g} became {after:.6g}")

    twins, twin_height = quadratic()
    with torch.no_grad():
        for twin, parameter in zip(twins, parameters, strict=True):
            twin.copy_(parameter)
    with promised(plugin, "has state that survives save and load"):
        resumed = plugin.build(twins)
        resumed.load_state_dict(saved_and_loaded(optimizer.state_dict()))
        descend(optimizer, height, 5, plugin.second_order)
        descend(resumed, twin_height, 5, plugin.second_order)
    same = all(torch.equal(twin, parameter) for twin, parameter in zip(twins, parameters, strict=True))
    holds(same, plugin, "goes on after save and load as if it had not stopped")
