"""How many CPU threads torch gets for the model at hand."""

from __future__ import annotations

import torch
from torch import nn

SMALL_STEP = 50_000_000
"""Multiplications in a forward pass of one batch below which one thread is fastest and steadiest.

Measured on two cores: an MLP of 8,000 weights at a batch of 256 (2 million) is unstable on two threads, now and
then 70 times slower; a Transformer and a CNN at a batch of 128 (over 100 million) gain 1.5 to 1.7 times.
"""


def threads_for(network: nn.Module, batch_size: int) -> int:
    """One thread for small steps, torch's own choice for large ones.

    A pure function of the model and the batch, so that a second run computes in the same order as the first. A
    weight that is used at many places, as a convolution's, makes the step larger than its number says: such
    networks keep torch's choice.
    """
    shared = any(isinstance(module, nn.Conv1d | nn.Conv2d | nn.RNNBase) for module in network.modules())
    small = sum(p.numel() for p in network.parameters()) * batch_size < SMALL_STEP  # frozen ones compute, too
    return 1 if small and not shared else torch.get_num_threads()


def parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
