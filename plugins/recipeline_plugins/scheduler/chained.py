"""Several schedules one after the other, as one: what `chain` and `warmup` build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True, slots=True)
class Link:
    """One schedule of a chain."""

    build: Callable[[], LRScheduler]
    """Makes it, over the optimizer at its full rates."""
    steps: int
    """Optimizer steps until the next one takes over; the last one stays."""
    every: int
    """Optimizer steps between two moves of it."""


class Chained(LRScheduler):
    """Each schedule begins at the optimizer's full rates, when the one before it has had its steps.

    torch's SequentialLR moves all of them by the same clock, and starts each by a step to 0, which schedules that go
    on from the present rate don't survive.

    Args:
        optimizer: Whose rates.
        links: The schedules in order.
    """

    def __init__(self, optimizer: Optimizer, links: Sequence[Link]) -> None:
        full = [float(group["lr"]) for group in optimizer.param_groups]
        self._links = list(links)
        self._built: list[LRScheduler] = []
        self._starts: list[list[float]] = []
        for link in links:
            _set(optimizer, full)
            self._built.append(link.build())
            self._starts.append([float(group["lr"]) for group in optimizer.param_groups])
        _set(optimizer, self._starts[0])
        self._now, self._passed = 0, 0
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Any]:
        """The rates as they are: the schedules have set them."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Move by one optimizer step."""
        self.last_epoch += 1
        if self.last_epoch > 0:  # the first call is the base class's, when it is made
            self._passed += 1
            link = self._links[self._now]
            if self._now + 1 < len(self._links) and self._passed >= link.steps:
                self._now, self._passed = self._now + 1, 0
                _set(self.optimizer, self._starts[self._now])
            elif self._passed % link.every == 0:
                self._built[self._now].step()
        self._last_lr = self.get_lr()

    def state_dict(self) -> dict[str, Any]:
        """Which schedule it has come to, and the states of all."""
        return {
            "last_epoch": self.last_epoch,
            "_last_lr": self._last_lr,
            "now": self._now,
            "passed": self._passed,
            "schedules": [built.state_dict() for built in self._built],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.last_epoch = state_dict["last_epoch"]
        self._last_lr = state_dict["_last_lr"]
        self._now, self._passed = state_dict["now"], state_dict["passed"]
        for built, state in zip(self._built, state_dict["schedules"], strict=True):
            built.load_state_dict(state)


def _set(optimizer: Optimizer, rates: Sequence[float]) -> None:
    for group, lr in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = lr
