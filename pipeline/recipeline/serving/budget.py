"""Let a network be built from a description without trusting it with the machine's memory.

A description of a hundred bytes can ask for layers of a terabyte. Its weights have to be there too, so that they say
how large the network can be: what is claimed while it is built stays within a few times of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

TIMES = 8
"""A network's tensors may take so many times the bytes of its weights, for copies and for what is not saved."""
BYTES_BESIDE = 256_000_000
"""And so many bytes more: positions, masks, a row to try it on."""
TENSORS_BESIDE = 10_000
"""Tensors that may be made beside those of the weights, of which each may take `TENSORS_EACH`."""
TENSORS_EACH = 50


class TooLarge(Exception):
    """More memory was asked for than the weights account for."""


class Budget(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type it
    """While this is entered, torch makes no more and no larger tensors than such weights account for.

    Args:
        weights: Bytes of the weights.
        tensors: How many tensors they are.
    """

    def __init__(self, weights: int, tensors: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes_left = TIMES * weights + BYTES_BESIDE
        self.tensors_left = TENSORS_EACH * tensors + TENSORS_BESIDE

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at what is asked for, then do it."""
        count = _elements(func, args)
        if count is not None:
            dtype = (kwargs or {}).get("dtype")
            self.bytes_left -= count * (dtype.itemsize if dtype is not None else 4)
            self.tensors_left -= 1
            if self.bytes_left < 0 or self.tensors_left < 0:
                raise TooLarge(f"a tensor of {count:,} numbers" if self.bytes_left < 0 else "endless small tensors")
        return func(*args, **(kwargs or {}))


def _elements(func: Any, args: Sequence[Any]) -> int | None:
    """How many numbers a call makes out of nothing or by repeating; None of a call that works on what there is."""
    named: dict[str, Any] = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
    given = named.get("self")
    if "repeats" in named and given is not None and isinstance(named["repeats"], Sequence):
        return int(given.numel()) * math.prod(int(times) for times in named["repeats"])
    if given is not None:
        return None
    if "size" in named:
        return int(math.prod(int(length) for length in named["size"]))
    if "steps" in named:
        return int(named["steps"])
    if "end" in named:
        return int(max(0, (named["end"] - named.get("start", 0)) // named.get("step", 1) + 1))
    if "n" in named:
        return int(named["n"]) * int(named.get("m", named["n"]))
    return None
