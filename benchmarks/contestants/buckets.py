"""Where the train part of an epoch goes: processor time of the thread that trains, by what it is spent on.

Calls are wrapped where they are made, and time spent in a wrapped call within another one counts for the inner one
alone. What no bucket has is bookkeeping: loops, hooks, metrics, progress.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import thread_time
from typing import Any

import torch

NAMES = ("batches", "forward", "loss", "backward", "optimizer", "bookkeeping", "validation and epoch's end")


class Buckets:
    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []
        self._epochs: list[dict[str, float]] = []
        self._mark = 0.0

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, its time without that of wrapped calls within it in the bucket."""
        spent, inside = self.spent, self._inside

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            began = thread_time()
            inside.append(0.0)
            try:
                return call(*args, **kwargs)
            finally:
                whole = thread_time() - began
                spent[name] += whole - inside.pop()
                if inside:
                    inside[-1] += whole

        return wrapped

    def timed_iterator(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """The same items; to get each is in the bucket `batches`."""
        following = self.timed("batches", iter(iterable).__next__)
        while True:
            try:
                item = following()
            except StopIteration:
                return
            yield item

    def watch_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Its step and `zero_grad`; what a closure does in the step is bookkeeping where no bucket has it."""
        step = self.timed("optimizer", optimizer.step)

        def with_closure(closure: Callable[[], Any] | None = None) -> Any:
            return step() if closure is None else step(closure=self.timed("bookkeeping", closure))

        optimizer.step = with_closure  # type: ignore[method-assign]
        optimizer.zero_grad = self.timed("optimizer", optimizer.zero_grad)  # type: ignore[method-assign]

    def watch_backward(self) -> None:
        """Every backward pass of this process."""
        torch.Tensor.backward = self.timed("backward", torch.Tensor.backward)  # type: ignore[method-assign]

    def start(self) -> None:
        """An epoch begins."""
        self.spent.clear()
        self._mark = thread_time()

    def trained(self) -> None:
        """Its last train batch is done."""
        now = thread_time()
        found = dict(self.spent)
        found["bookkeeping"] = now - self._mark - sum(found[name] for name in found if name != "bookkeeping")
        self._epochs.append(found)
        self._mark = now

    def end(self) -> None:
        """All of it is over."""
        if self._epochs:
            self._epochs[-1]["validation and epoch's end"] = thread_time() - self._mark

    def per_step(self, steps: int) -> dict[str, float]:
        """Microseconds a step in each bucket, and in all of the train part; the first epoch is not counted."""
        counted = self._epochs[1:] or self._epochs
        found = {name: sum(each.get(name, 0.0) for each in counted) / len(counted) / steps * 1e6 for name in NAMES}
        return found | {"train": sum(found[name] for name in NAMES[:-1])}

    def write(self, file: str | Path, steps: int) -> None:
        """Leave them in a file."""
        Path(file).write_text(json.dumps(self.per_step(steps)))
