"""Where the rows are while a GPU trains: on it as long as they fit, otherwise copied batch by batch from pinned memory.

Decided once, before the training. The numbers of a batch's rows are drawn on the CPU either way, so that the order is
the same everywhere; where the rows are on the device they go there once an epoch, and batches are gathered there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from recipeline.data.cutting import Cutter, cutter_of
from recipeline.data.prepared import Arrays
from recipeline.families.spec import Part

SHARE = 0.25
"""Share of the device's free memory that rows may take: network, optimizer and what a step keeps need the rest."""
KEPT: tuple[Part, ...] = ("train", "validation")
"""The parts that every epoch goes over, the more important one first. The test part is looked at once."""

FreeBytes = Callable[[torch.device], int | None]


def free_bytes(device: torch.device) -> int | None:
    """Bytes of the device's own memory that can be taken now; None where it has none, or shares it with the CPU."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


@dataclass(slots=True)
class Placement:
    """Where the rows of each part are cut into batches."""

    device: torch.device
    held: tuple[Part, ...] = ()
    """The parts whose rows are on the device."""
    pinned: bool = False
    """Whether the batches of others are made in memory that the device copies from by itself."""
    said: str | None = None
    """What a reader should know of it; None where there is nothing to decide."""
    _there: dict[Part, Cutter] = field(default_factory=dict)

    def cutter(self, part: Part, arrays: Arrays) -> Cutter:
        """Who cuts this part's batches."""
        if part in self.held:
            if part not in self._there:  # a loader is made more than once, and the rows are moved once
                self._there[part] = cutter_of(arrays).to(self.device)
            return self._there[part]
        return cutter_of(arrays).into(pinned) if self.pinned else cutter_of(arrays)

    def let_go(self) -> None:
        """Forget what is on the device."""
        self._there.clear()


def placement(
    parts: Mapping[Part, Arrays], device: torch.device, *, because: str | None = None, free: FreeBytes = free_bytes
) -> Placement:
    """Hold on the device what fits into a share of its free memory.

    Args:
        parts: The arrays of each part.
        device: Where the network is.
        because: Why nothing is to be held there, as half a sentence; None where it may be.
        free: How many bytes can be taken there.
    """
    there = free(device)
    if there is None:
        return Placement(device)
    left, held = int(there * SHARE), list[Part]()
    if because is None:
        for part in KEPT:
            if part in parts and (taken := size(parts[part])) <= left:
                left -= taken
                held.append(part)
    said = []
    if held:
        rows = f"{' and '.join(held)} rows ({_amount(sum(size(parts[part]) for part in held))})"
        said.append(f"The {rows} are held on {device}, which has {_amount(there)} free: batches are cut there.")
    if "train" not in held:
        why = because or f"they are more than a quarter of the {_amount(there)} that {device} has free"
        said.append(f"The train rows ({_amount(size(parts['train']))}) are copied to {device} batch by batch: {why}.")
    return Placement(device, tuple(held), pinned=device.type == "cuda", said=" ".join(said))


def size(arrays: Arrays) -> int:
    """Bytes that a part's blocks and targets take."""
    return sum(block.nbytes for block in arrays.blocks) + arrays.target.nbytes


def pinned(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Memory that a GPU copies from by itself, while the CPU goes on; torch gives it out again after the copy."""
    return torch.empty(shape, dtype=dtype, pin_memory=True)


def _amount(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6)):,} MB"
