"""Divide rows into parts so that every class has its share in each, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def table(sizes: Sequence[int], shares: Sequence[Fraction], totals: Sequence[int]) -> np.ndarray:
    """How many rows of each class go to each part: (classes, parts), with the given class sizes and part totals.

    Every number is its class' share rounded down or up, so that none is off by a whole row. Such a table exists
    whenever the totals are themselves shares of the whole rounded down or up, in three parts.

    Args:
        sizes: Rows of each class.
        shares: Share of each part; they sum to 1.
        totals: Rows of each part; they sum to the sum of `sizes`.
    """
    import numpy as np

    quotas = [[size * share for share in shares] for size in sizes]
    floors = np.array([[int(quota) for quota in row] for row in quotas], dtype=np.int64).reshape(
        len(sizes), len(shares)
    )
    rests = np.array([[float(quota - int(quota)) for quota in row] for row in quotas]).reshape(floors.shape)
    raised = np.zeros(floors.shape, dtype=bool)
    for row, missing in enumerate(np.asarray(sizes, dtype=np.int64) - floors.sum(axis=1)):
        raised[row, np.argsort(-rests[row], kind="stable")[:missing]] = True
    wanted = np.asarray(totals, dtype=np.int64) - floors.sum(axis=0)
    _balance(raised, rests, wanted)
    found: np.ndarray = floors + raised
    return found


def _balance(raised: np.ndarray, rests: np.ndarray, wanted: np.ndarray) -> None:
    """Move roundings between parts, in place, until each part has as many as wanted, at the least cost.

    A rounding goes from a part with too many to one with too few, or by way of the third part.
    """
    import numpy as np

    while True:
        excess = raised.sum(axis=0) - wanted
        if not excess.any():
            return
        giver, taker = int(np.argmax(excess)), int(np.argmin(excess))
        number = min(excess[giver], -excess[taker])
        if _move(raised, rests, giver, taker, number):
            continue
        through = 3 - giver - taker
        _move(raised, rests, through, taker, 1)
        _move(raised, rests, giver, through, 1)


def _move(raised: np.ndarray, rests: np.ndarray, giver: int, taker: int, number: int) -> int:
    """Move up to `number` roundings from one part to another, where it costs least; how many were moved."""
    import numpy as np

    able = np.flatnonzero(raised[:, giver] & ~raised[:, taker] & (rests[:, taker] > 0))
    cost = rests[able, giver] - rests[able, taker]
    chosen = able[np.argsort(cost, kind="stable")[:number]]
    raised[chosen, giver] = False
    raised[chosen, taker] = True
    return len(chosen)
