"""Whether numbers are finite, and which is the first that isn't. Functions over tensors and networks, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Bad:
    """The first tensor that holds a NaN or an Inf."""

    what: str
    """What it is, as a reader calls it."""
    rows: tuple[int, ...] = ()
    """The rows of the batch in which it does, from 0; empty when it has no rows."""


class AllFinite:
    """Asks of many tensors at once whether all their numbers are finite.

    By the kernel with which torch scales gradients back in mixed precision, by 1 here: it changes no bit, and takes a
    fifth of the time of a norm.
    """

    def __init__(self) -> None:
        self._found: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, tensors: list[torch.Tensor]) -> bool:
        """Whether all numbers of all of them are finite; True for none."""
        if not tensors:
            return True
        device = tensors[0].device
        if device not in self._found:
            self._found[device] = torch.zeros(1, device=device), torch.ones(1, device=device)
        found, one = self._found[device]
        try:
            torch._amp_foreach_non_finite_check_and_unscale_(tensors, found, one)
        except (RuntimeError, TypeError):  # of several devices, types or layouts
            found.zero_()
            return all(is_finite(tensor) for tensor in tensors)
        if not found.item():
            return True
        found.zero_()  # only ever raised by the kernel
        return False


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all its numbers are finite; those of a sparse one are those that it holds."""
    values = tensor.coalesce().values() if tensor.is_sparse else tensor
    return bool(values.isfinite().all())


def first_bad(named: Iterable[tuple[str, torch.Tensor | None]]) -> str | None:
    """The name of the first that is not finite."""
    return next((name for name, tensor in named if tensor is not None and not is_finite(tensor)), None)


def bad_rows(block: torch.Tensor) -> tuple[int, ...]:
    """The rows of (rows, ...) that hold a number that is not finite."""
    if block.ndim == 0 or is_finite(block):
        return ()
    wrong = ~block.isfinite()
    return tuple(wrong.reshape(len(block), -1).any(dim=1).nonzero().flatten().tolist())


def trace(
    network: nn.Module,
    loss: object,
    inputs: Sequence[torch.Tensor],
    target: torch.Tensor,
    outputs: torch.Tensor,
) -> Bad:
    """Where the numbers of a batch whose loss is not finite were so for the first time.

    The network goes over the batch once more, as it is now, to see each layer's output.

    Args:
        network: Whose outputs these are.
        loss: What made the loss of them; its parameters are looked at too.
        inputs: The blocks, (rows, ...) each.
        target: (rows, ...).
        outputs: (rows, ...).
    """
    for number, block in enumerate(inputs):
        if rows := bad_rows(block):
            return Bad("the batch's input" + (f" (block {number + 1})" if len(inputs) > 1 else ""), rows)
    if rows := bad_rows(target):
        return Bad("the batch's target", rows)
    of_loss = list(loss.named_parameters(prefix="loss")) if isinstance(loss, nn.Module) else []
    name = first_bad([*network.named_parameters(), *of_loss])
    if name is not None:
        return Bad(f"the weight '{name}', as the step before has left it")
    rows = bad_rows(outputs)
    if not rows and is_finite(outputs):
        return Bad("the loss itself")
    return Bad(_first_layer(network, inputs) or "the network's output", rows)


@torch.no_grad()
def _first_layer(network: nn.Module, inputs: Sequence[torch.Tensor]) -> str | None:
    """The first layer whose output is not finite, in the order in which they are called."""
    found: list[str] = []

    def look(name: str, layer: nn.Module) -> None:
        def hook(_layer: nn.Module, _given: object, output: object) -> None:
            several = output if isinstance(output, tuple | list) else [output]
            if not found and any(isinstance(each, torch.Tensor) and not is_finite(each) for each in several):
                found.append(f"the output of '{name}' ({type(layer).__name__})")

        hooks.append(layer.register_forward_hook(hook))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for name, layer in network.named_modules():
        if name and not any(layer.children()):
            look(name, layer)
    try:
        with torch.random.fork_rng(devices=[]):
            network(*inputs)
    finally:
        for handle in hooks:
            handle.remove()
    return found[0] if found else None
