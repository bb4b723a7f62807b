"""Made-up batches for an architecture: of every kind of block, rows of unequal lengths among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline.families.spec import InputSpec

if TYPE_CHECKING:
    import torch

LONGEST = 12
"""Tokens or times of the longest made-up row."""

SEQUENCES = ("tokens", "series")
"""The kinds of block whose rows have lengths."""


def batch(kinds: tuple[str, ...], inputs: InputSpec, rows: int, seed: int) -> tuple[torch.Tensor, ...]:
    """A block of each kind; the first row is as long as any."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return filled_up(tuple(_block(kind, inputs, rows, generator) for kind in kinds), kinds)


def filled_up(blocks: tuple[torch.Tensor, ...], kinds: tuple[str, ...]) -> tuple[torch.Tensor, ...]:
    """The blocks with nothing but 0 beyond each row's length, where there are lengths."""
    import torch

    if "lengths" not in kinds:
        return blocks
    lengths = blocks[kinds.index("lengths")]
    made = []
    for kind, block in zip(kinds, blocks, strict=True):
        if kind in SEQUENCES and block.shape[1]:
            beyond = torch.arange(block.shape[1]) >= lengths[:, None]
            block = block.clone()
            block[beyond] = 0
        made.append(block)
    return tuple(made)


def longer(blocks: tuple[torch.Tensor, ...], kinds: tuple[str, ...]) -> tuple[torch.Tensor, ...]:
    """The same rows with two more places of padding."""
    import torch

    return tuple(
        torch.cat([block, torch.zeros_like(block[:, :2])], dim=1) if kind in SEQUENCES and block.shape[1] else block
        for kind, block in zip(kinds, blocks, strict=True)
    )


def _block(kind: str, inputs: InputSpec, rows: int, generator: torch.Generator) -> torch.Tensor:
    import torch

    block = inputs.blocks[kind]
    if kind == "categorical":
        codes = [torch.randint(0, n, (rows, 1), generator=generator) for n in block.cardinalities]
        return torch.cat(codes, dim=1) if codes else torch.empty(rows, 0, dtype=torch.int64)
    if kind == "lengths":
        found = torch.randint(1, LONGEST + 1, (rows,), generator=generator)
        found[0] = LONGEST
        return found
    if kind == "tokens" and block.cardinalities:
        return torch.randint(1, block.cardinalities[0], (rows, *block.shape), generator=generator)
    return torch.randn(rows, *block.shape, generator=generator)
