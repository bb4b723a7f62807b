"""Batches cut from arrays by index: one gather a block, no per-sample access, an order that a seed decides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch

from recipeline.data.cutting import Batch, Cutter, Place, cutter_of
from recipeline.data.prepared import Arrays
from recipeline.data.windows import Reader, Windows

Ahead = Callable[[Sequence[Place]], Iterator[Batch]]
"""Cuts the batches of these places elsewhere, and gives them in their order."""


class Batches:
    """An iterable over one part's rows, once an epoch; `set_epoch` says which epoch comes next.

    The order is a function of (seed, epoch) alone. With several processes, train rows (`shuffle=True`) are dealt out
    evenly, the first ones again where they don't go round, so that all processes make equally many steps; without
    shuffling every row is given to exactly one process, so that a metric counts it once. A process whose rows make
    fewer batches than another's ends with batches of no rows: all have to meet equally often, or one waits forever.

    A train part whose last batch would hold one single row gives that row to the batch before: batch norm has no
    variance of one row.

    Where a block says how long each row is, tokens and series are cut to the batch's longest row; so are targets that
    are sequences.

    Args:
        arrays: The part's arrays.
        batch_size: Rows in a batch; `full` is all of them.
        shuffle: Whether the order changes from epoch to epoch. Without effect for `full`.
        seed: The recipe's seed.
        rank: This process's number.
        world: How many processes there are.
        windows: How to shuffle what doesn't fit in memory.
        cutter: Who cuts the batches; by default one that cuts from the arrays where they lie.
        ahead: Who cuts them in other processes; by default this one does.
    """

    def __init__(
        self,
        arrays: Arrays,
        batch_size: int | Literal["full"] | str,
        *,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world: int = 1,
        windows: Windows | None = None,
        cutter: Cutter | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        self._cutter = cutter_of(arrays) if cutter is None else cutter
        self._ahead = ahead
        self._arrays = arrays
        self._source = arrays.rows
        self._all = len(arrays)
        self._shuffle = shuffle
        self._seed = seed
        self._rank = rank
        self._world = world
        self._windows = windows
        if shuffle:
            self._mine = -(-self._all // world)
            self._first = 0
        else:
            self._first = rank * self._all // world
            self._mine = (rank + 1) * self._all // world - self._first
        self._most = -(-self._all // world)
        self.batch_size = max(1, self._most) if batch_size == "full" else int(batch_size)
        self.epoch = 0
        self.given = 0
        """Batches that the iteration under way has given, those that it began after included."""
        self.begin = 0
        """Batches that the next iteration leaves out at its beginning."""

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration is."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """The position: which epoch, and how many of its batches have been given."""
        return {"epoch": self.epoch, "given": self.given}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next iteration begin at such a position."""
        self.epoch, self.begin = state_dict["epoch"], state_dict["given"]

    @property
    def everyones(self) -> int:
        """Rows that the part has, over all processes."""
        return self._all

    @property
    def rows(self) -> int:
        """Rows that one iteration gives on this process."""
        return self._mine

    def __len__(self) -> int:
        """Batches in an epoch on this process."""
        return len(self._spans())

    def __iter__(self) -> Iterator[Batch]:
        spans = self._spans()
        shuffled = self._shuffle and (len(spans) > 1 or self._world > 1)
        self.given, self.begin = self.begin, 0
        spans = spans[self.given :]
        if self._ahead is not None:
            for batch in self._ahead(self._places(spans, shuffled)):
                self.given += 1
                yield batch
        elif shuffled and self._windows is not None and self._world == 1:
            yield from self._by_windows(spans, self._windows)
        elif shuffled:
            at, order = self._cutter.at, self.order(self.epoch).to(self._cutter.device)
            for start, end in spans:
                self.given += 1
                yield at(order[start:end])
        else:
            between, first = self._cutter.between, self._first
            for start, end in spans:
                self.given += 1
                yield between(first + start, first + end)

    def _by_windows(self, spans: list[tuple[int, int]], windows: Windows) -> Iterator[Batch]:
        order = self.order(self.epoch)
        with Reader(self._arrays, windows, spans[0][0] if spans else 0) as reader:
            for start, end in spans:
                self.given += 1
                reader.until(order, end)
                yield self._cutter.at(order[start:end].to(self._cutter.device))

    def _places(self, spans: list[tuple[int, int]], shuffled: bool) -> list[Place]:
        if not shuffled:
            return [slice(self._first + start, self._first + end) for start, end in spans]
        order = self.order(self.epoch)
        return [order[start:end] for start, end in spans]

    def order(self, epoch: int) -> torch.Tensor:
        """The rows of this process in the order of this epoch; int64."""
        digest = hashlib.sha256(f"{self._seed}:{epoch}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
        if self._windows is None:
            order = torch.randperm(self._all, generator=generator)
        else:
            order = self._windows.order(self._all, generator)
        if self._world == 1:
            return order
        padded = torch.cat([order, order])[: self._mine * self._world]
        if len(padded) < self._mine * self._world:  # more processes than rows
            padded = order.repeat(self._world)[: self._mine * self._world]
        return padded[self._rank :: self._world]

    def source_rows(self, batch: int) -> list[int]:
        """The source's row numbers of one batch of the epoch under way, from 0."""
        spans = self._spans()
        start, end = spans[batch]
        if self._shuffle and (len(spans) > 1 or self._world > 1):
            return [int(row) for row in self._source[self.order(self.epoch)[start:end].numpy()]]
        return [int(row) for row in self._source[self._first + start : self._first + end]]

    def _spans(self) -> list[tuple[int, int]]:
        """Where each batch begins and ends among this process's rows."""
        starts = list(range(0, self._most, self.batch_size))
        if self._shuffle and len(starts) > 1 and self.batch_size > 1 and self._most - starts[-1] == 1:
            starts.pop()
        ends = [*starts[1:], self._most][: len(starts)]  # no row, no batch
        return [(min(start, self._mine), min(end, self._mine)) for start, end in zip(starts, ends, strict=True)]
