"""Sequences token by token: what a network hears while it learns them, and how it answers with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from recipeline.families.architecture import StepByStep
from recipeline.families.spec import BEGIN, END, PADDING, UNKNOWN

NEVER_SAID = (PADDING, BEGIN, UNKNOWN)
"""The codes that no answer holds: they stand for no token."""

Step = Callable[[torch.Tensor], torch.Tensor]
"""The token before, int64 (batch,) -> the logits of the next one (batch, tokens)."""


def before(target: torch.Tensor) -> torch.Tensor:
    """The token before each of a target's steps, the beginning at the first: (batch, steps)."""
    start = torch.full_like(target[:, :1], BEGIN)
    return torch.cat([start, target[:, :-1]], dim=1)


def counted(target: torch.Tensor) -> int:
    """The tokens of a batch that are learnt: the ends are, padding and unknown tokens aren't."""
    return int(((target != PADDING) & (target != UNKNOWN)).sum())


@torch.no_grad()
def most_probable(
    network: nn.Module, blocks: Sequence[torch.Tensor], longest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequence of the most probable token at each step, given the ones that were chosen before it (greedily).

    Args:
        network: In evaluation mode.
        blocks: A batch of its inputs.
        longest: Tokens that an answer has at most; one that isn't over by then ends there.

    Returns:
        Codes int64 (batch, longest), filled up with 0 beyond a row's end, and the logarithm of the probability of
        each row's whole answer, its end included, float64 (batch,). A row's answer doesn't depend on the others'.
    """
    next_logits = _steps(network, blocks)
    rows, device = len(blocks[0]), blocks[0].device
    said = torch.full((rows, longest), PADDING, dtype=torch.int64, device=device)
    chance = torch.zeros(rows, dtype=torch.float64, device=device)
    over = torch.zeros(rows, dtype=torch.bool, device=device)
    token = torch.full((rows,), BEGIN, dtype=torch.int64, device=device)
    for place in range(longest + 1):
        logits = next_logits(token).double()
        logits[:, NEVER_SAID] = -torch.inf
        shares = logits.log_softmax(dim=1)  # (batch, tokens)
        token = shares.argmax(dim=1) if place < longest else torch.full_like(token, END)
        chance += shares.gather(1, token[:, None])[:, 0].masked_fill(over, 0.0)
        over |= token == END
        token = token.masked_fill(over, PADDING)
        if bool(over.all()):
            break
        said[:, place] = token
    return said, chance


def _steps(network: nn.Module, blocks: Sequence[torch.Tensor]) -> Step:
    """How to ask for the next token: step by step where the network can, and else by reading everything again."""
    if isinstance(network, StepByStep):
        memory = network.begin(*blocks)
        return lambda token: network.step(memory, token)
    heard: list[torch.Tensor] = []

    def again(token: torch.Tensor) -> torch.Tensor:
        heard.append(token)
        logits: torch.Tensor = network(*blocks, torch.stack(heard, dim=1))  # (batch, steps, tokens)
        return logits[:, -1]

    return again
