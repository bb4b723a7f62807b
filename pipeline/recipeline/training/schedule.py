"""The learning rate over time: a plugin's schedule, with a linear warm-up in front when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from recipeline.families.scheduler import Scheduler
from recipeline.families.spec import Length


def warmup_factor(step: int, steps: int) -> float:
    """The part of the full rate at this step (from 0) of a warm-up: (step + 1) / (steps + 1), then 1.

    Neither 0 at the first step, which would be lost, nor 1 at the last, which is the schedule's own start.
    """
    return (step + 1) / (steps + 1) if step < steps else 1.0


class Warmup(LRScheduler):
    """Rises to the full rate over `steps` optimizer steps, then hands over to another schedule.

    Args:
        optimizer: Whose rates.
        steps: Optimizer steps of the rise.
        after: Makes the schedule that follows; made at once, moved only after the rise.
        every: Optimizer steps between two moves of the schedule that follows.
    """

    def __init__(self, optimizer: Optimizer, steps: int, after: Callable[[], LRScheduler], every: int) -> None:
        self.steps = steps
        self.every = every
        self.after = after()
        self._handed_over = [float(group["lr"]) for group in optimizer.param_groups]
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Any]:
        """The rates at this step of the rise."""
        return [lr * warmup_factor(self.last_epoch, self.steps) for lr in self._handed_over]

    def step(self, epoch: int | None = None) -> None:
        """Move by one optimizer step."""
        self.last_epoch += 1
        passed = self.last_epoch - self.steps
        if passed <= 0:
            for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
                group["lr"] = lr
        elif passed % self.every == 0:
            self.after.step()
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Position of the rise and state of the schedule that follows."""
        return {"last_epoch": self.last_epoch, "_last_lr": self._last_lr, "after": self.after.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.last_epoch = state_dict["last_epoch"]
        self._last_lr = state_dict["_last_lr"]
        self.after.load_state_dict(state_dict["after"])


class _Constant(LRScheduler):
    """Leaves the rates alone, so that another schedule may move them."""

    def get_lr(self) -> list[float | Any]:
        return [group["lr"] for group in self.optimizer.param_groups]


def schedules(scheduler: Scheduler, optimizer: Optimizer, length: Length) -> list[dict[str, Any]]:
    """Lightning's descriptions of the schedulers to run."""
    warmup = round(scheduler.warmup_epochs * length.steps_per_epoch)
    if warmup == 0:
        return [_described(scheduler, scheduler.build(optimizer, length))]
    # A schedule that watches a metric moves at the end of an epoch, so it stands beside the rise instead of behind.
    if scheduler.monitors() is not None:
        watching = scheduler.build(optimizer, length)
        rise = Warmup(optimizer, warmup, lambda: _Constant(optimizer), 1)
        return [{"scheduler": rise, "interval": "step", "frequency": 1}, _described(scheduler, watching)]
    every = length.steps_per_epoch if scheduler.moves() == "epoch" else 1
    rest = max(length.steps - warmup, 1)
    left = Length(max(1, -(-rest // length.steps_per_epoch)), min(length.steps_per_epoch, rest))
    rise = Warmup(optimizer, warmup, lambda: scheduler.build(optimizer, left), every)
    return [{"scheduler": rise, "interval": "step", "frequency": 1}]


def _described(scheduler: Scheduler, built: LRScheduler) -> dict[str, Any]:
    described: dict[str, Any] = {"scheduler": built, "interval": scheduler.moves(), "frequency": 1}
    if isinstance(built, ReduceLROnPlateau) or scheduler.monitors() is not None:
        described |= {"monitor": scheduler.monitors(), "reduce_on_plateau": True, "strict": True}
    return described
