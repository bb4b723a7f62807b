"""Finding a network's residual branches and leaving them out at random."""

from __future__ import annotations

import torch
from torch import nn

TORCHS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.TransformerEncoderLayer: ("dropout1", "dropout2"),
    nn.TransformerDecoderLayer: ("dropout1", "dropout2", "dropout3"),
}
"""Where the branches of torch's own blocks end, which name none."""


class DropRows(nn.Module):
    """Zeroes rows with probability p while training, and scales the others up."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, branch: torch.Tensor) -> torch.Tensor:
        """(batch, ...) to the same shape."""
        if not self.training:
            return branch
        kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= self.p
        return branch * kept / (1 - self.p)


def branches(model: nn.Module) -> list[tuple[nn.Module, str]]:
    """The blocks and the names of the children that end their branches, in the order in which they stand."""
    found: list[tuple[nn.Module, str]] = []
    for module in model.modules():
        own = getattr(type(module), "residual_branches", None)
        names = own if own is not None else next((n for cls, n in TORCHS.items() if isinstance(module, cls)), ())
        found += [(module, name) for name in names]
    return found


def add_chances(model: nn.Module, p: float, linear: bool) -> int:
    """Replace each branch by itself with a chance of being left out, in place; how many there are."""
    found = branches(model)
    for place, (block, name) in enumerate(found, start=1):
        chance = p * place / len(found) if linear else p
        setattr(block, name, nn.Sequential(block.get_submodule(name), DropRows(chance)))
    return len(found)
