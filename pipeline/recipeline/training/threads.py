"""How many CPU threads torch gets for the model at hand."""

from __future__ import annotations

import copy
import math
import os
from typing import Any, Literal

import torch
from torch import nn

from recipeline.errors import Problem, RecipeError
from recipeline.families.spec import InputSpec, TargetSpec
from recipeline.network import examples

SMALL_STEP = 50_000_000
"""Multiplications in a forward pass of one batch below which one thread is fastest and steadiest.

Measured on two cores: an MLP of 8,000 weights at a batch of 256 (2 million) is unstable on two threads, now and
then 70 times slower; a Transformer and a CNN at a batch of 128 (over 100 million) gain 1.5 to 1.7 times.
"""
_ROWS = 2
"""Rows of the pass that is counted."""


def threads_for(network: nn.Module, inputs: InputSpec, batch_size: int, target: TargetSpec | None = None) -> int:
    """One thread for small steps, torch's own choice for large ones.

    A pure function of the model and the batch, so that a second run computes in the same order as the first.
    """
    small = multiplications(network, inputs, target) * batch_size < SMALL_STEP
    return 1 if small else torch.get_num_threads()


@torch.inference_mode()
def multiplications(network: nn.Module, inputs: InputSpec, target: TargetSpec | None = None) -> int:
    """Multiplications of weights in a forward pass of one row as long as the longest, roughly.

    Of linear, convolutional and recurrent layers as often as they are used; any other weight counts once.
    """
    counted = 0
    told: set[int] = set()

    def count(module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        nonlocal counted
        if isinstance(module, nn.Linear):
            counted += made.numel() * module.in_features
        elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            counted += made.numel() * math.prod(module.weight.shape[1:])
        elif isinstance(module, nn.RNNBase):
            steps = (given[0].data if isinstance(given[0], nn.utils.rnn.PackedSequence) else given[0]).numel()
            counted += steps // module.input_size * sum(p.numel() for p in module.parameters())

    tried = copy.deepcopy(network).eval()
    for module in tried.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.RNNBase):
            module.register_forward_hook(count)
            told |= {id(p) for p in module.parameters()}
    like = next(tried.parameters(), torch.empty(0))
    try:
        tried(*examples(inputs, _ROWS, like, target))
    except Exception:  # a network that can't be tried on zeros: each of its weights counts once
        return sum(p.numel() for p in tried.parameters())
    return counted // _ROWS + sum(p.numel() for p in tried.parameters() if id(p) not in told)


def parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def refuse_more_than_cores(count: int | Literal["auto"], what: Literal["threads", "workers"] = "threads") -> None:
    """More of them than cores only wait for each other, and a thousand bring the machine down.

    Raises:
        RecipeError: the recipe asks for more than this machine has.
    """
    cores = os.cpu_count() or 1
    if count != "auto" and count > cores:
        raise RecipeError(
            Problem(
                f"this machine has {cores} core{'s' if cores > 1 else ''}, and more {what} only wait for each other",
                path=f"training.{what}",
                found=str(count),
                suggestion=f"Take {cores} at most, or auto.",
            )
        )
