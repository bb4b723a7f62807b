"""Where `cutmix` cuts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def box(sizes: Sequence[int], share: float) -> tuple[tuple[slice, ...], float]:
    """A box of about 1 - share of the area at a random place, and the share that is left outside it.

    Args:
        sizes: Length, or height and width.
        share: How much should be left, from 0 to 1.
    """
    side = (1 - share) ** (1 / len(sizes))
    place = []
    for size in sizes:
        half = side * size / 2
        centre = float(torch.rand(())) * size
        # Cut off at the edges, as in the paper: there it takes less than its share.
        place.append(slice(max(0, round(centre - half)), min(size, round(centre + half))))
    area = math.prod(max(0, each.stop - each.start) for each in place)
    return tuple(place), 1 - area / math.prod(sizes)
