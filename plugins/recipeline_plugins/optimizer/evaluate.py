"""The loss as an optimizer evaluates it that finds its own steps: at any point, with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Closure = Callable[[], Any]
"""Evaluates the loss at the present parameters, leaves the gradient in them, and returns the loss."""


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Have torch compute by formulas of which the gradient can be differentiated again.

    Its fused kernel for attention and cuDNN's recurrent networks have a gradient, and no second one.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield


def evaluated(closure: Closure | None, name: str, *, twice: bool = False) -> Any:
    """The loss that the closure returns.

    Args:
        closure: What evaluates it.
        name: The optimizer's, for the error.
        twice: Whether its gradient will be differentiated again.

    Raises:
        TypeError: the step was asked for without one.
    """
    import torch

    if closure is None:
        raise TypeError(f"a step of {name} evaluates the loss itself: optimizer.step(closure)")
    with torch.enable_grad(), twice_differentiable() if twice else nullcontext():
        return closure()


def number(loss: Any) -> float:
    """A loss as a plain number, whether or not it has its graph."""
    import torch

    return float(loss.detach()) if isinstance(loss, torch.Tensor) else float(loss)


def trained(groups: Iterable[dict[str, Any]]) -> list[torch.Tensor]:
    """The parameters of an optimizer, in order."""
    return [p for group in groups for p in group["params"]]


def flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """All numbers in one vector; a copy."""
    import torch

    return torch.cat([t.reshape(-1) for t in tensors])


def put(vector: torch.Tensor, parameters: Sequence[torch.Tensor]) -> None:
    """Give the parameters the numbers of one vector."""
    import torch

    with torch.no_grad():
        start = 0
        for p in parameters:
            p.copy_(vector[start : start + p.numel()].view_as(p))
            start += p.numel()


def gradient(loss: Any, parameters: Sequence[torch.Tensor], name: str) -> torch.Tensor:
    """The gradient as one vector that can be differentiated again.

    Raises:
        TypeError: the closure returned a loss without its graph.
    """
    import torch

    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise TypeError(
            f"{name} differentiates the gradient again: the closure has to return the loss with its graph "
            "(loss.backward(retain_graph=True); return loss)"
        )
    found = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True, materialize_grads=True)
    return flat(found)


def backtracked(
    loss_at: Callable[[torch.Tensor], float],
    start: torch.Tensor,
    loss: float,
    direction: torch.Tensor,
    slope: float,
    step: float,
    *,
    sufficient: float = 1e-4,
    halvings: int = 30,
) -> torch.Tensor:
    """The first of start + t · direction, t = step, step/2, step/4, ..., where the loss has fallen enough.

    Enough is Armijo's condition, loss(start + t direction) <= loss + sufficient · t · slope. Where none is found, to
    the precision of the numbers there is nothing to gain in this direction, and the start comes back.
    Armijo 1966; Nocedal & Wright 2006, Numerical Optimization, algorithm 3.1.
    """
    for _ in range(halvings):
        tried = start + step * direction
        if loss_at(tried) <= loss + sufficient * step * slope:  # false for NaN as well
            return tried
        step /= 2
    return start
