"""Several mini-batches in one Lightning step: the same arithmetic in the same order, without the cost of each call.

Around every batch Lightning does some 0.5 to 1.5 ms of bookkeeping, more than a small network's whole step. So the
loader hands over a chunk of mini-batches at a time, and the module goes through them by itself: forward, loss,
backward, and, after as many as the recipe accumulates, the callbacks' `on_before_optimizer_step`, the optimizer's step
and the schedules that move by step. The weights come out byte for byte as they do with one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch.optim import optimizer as torch_optimizer

from recipeline.data.batches import Batches
from recipeline.data.cutting import Batch
from recipeline.recipe.model import Recipe
from recipeline.training.fused import FusedAdam, fits
from recipeline.training.keeper import WithinEpochs
from recipeline.training.telling import Telling
from recipeline.training.watch import Watch

if TYPE_CHECKING:
    from recipeline.training.module import TrainingModule

AT_ONCE = 64
"""Mini-batches in a chunk: beyond this Lightning's part is under one per cent of even the smallest step."""

_BY_BATCH = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
)
_UNCONCERNED = (Watch, Telling, ModelCheckpoint, WithinEpochs)
"""Callbacks that look at batches and are content to see a chunk."""


def why_single(recipe: Recipe, trainer: pl.Trainer) -> str | None:
    """What needs one mini-batch a step; None when nothing does."""
    training, optimizer = recipe.training, recipe.optimizer
    if training.steps_per_call == 1:
        return "the recipe asks for it"
    if optimizer is not None and (optimizer.needs_closure or optimizer.second_order):
        return f"the optimizer '{optimizer.plugin_name}' evaluates the loss itself"
    for regularization in recipe.regularization:
        if regularization.needs_closure:
            return f"'{regularization.plugin_name}' evaluates the loss several times a step"
    if not isinstance(trainer.strategy, SingleDeviceStrategy):
        return f"the strategy {type(trainer.strategy).__name__} counts batches"
    if training.precision != "32-true":
        return f"the precision {training.precision} surrounds each step"
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by the Trainer when it is made
        used = [name for name in _BY_BATCH if getattr(type(callback), name) is not getattr(pl.Callback, name)]
        if used and not isinstance(callback, _UNCONCERNED):
            return f"the callback {type(callback).__name__} looks at each batch ({used[0]})"
    return None


class Chunk:
    """The next few mini-batches of an epoch, cut when they are asked for."""

    def __init__(self, batches: Iterator[Batch], size: int) -> None:
        self._batches = islice(batches, size)
        self._device: torch.device | None = None

    def to(self, device: torch.device, **_: Any) -> Chunk:
        """Remember where to; Lightning calls this once a chunk, and looks at nothing inside."""
        self._device = None if device.type == "cpu" else device
        return self

    def __iter__(self) -> Iterator[Batch]:
        if self._device is None:
            yield from self._batches
            return
        for inputs, target in self._batches:
            moved = tuple(block.to(self._device, non_blocking=True) for block in inputs)
            yield moved, target.to(self._device, non_blocking=True)


class Chunks:
    """A part's batches, several at a time."""

    def __init__(self, batches: Batches, size: int = AT_ONCE) -> None:
        self.batches = batches
        self.size = size

    def __len__(self) -> int:
        """Chunks in an epoch."""
        return -(-len(self.batches) // self.size)

    def __iter__(self) -> Iterator[Chunk]:
        done = self.batches.begin // self.size
        batches = iter(self.batches)
        for _ in range(done, len(self)):
            yield Chunk(batches, self.size)

    def state_dict(self) -> dict[str, int]:
        """The position, in mini-batches."""
        return self.batches.state_dict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next iteration begin at such a position: the end of a chunk."""
        self.batches.load_state_dict(state_dict)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration is."""
        self.batches.set_epoch(epoch)


class SeveralSteps:
    """Goes through the mini-batches of a chunk.

    Args:
        module: Its network, loss and plugins.
        batches: How many mini-batches an epoch has.
    """

    def __init__(self, module: TrainingModule, batches: int) -> None:
        trainer = module.trainer
        optimizer = module.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        self.module = module
        self.optimizer = optimizer
        self.batches = batches
        self.accumulate = module.recipe.training.accumulate
        self.by_step = [each["scheduler"] for each in module.schedules if each["interval"] == "step"]
        by_epoch = [each for each in module.schedules if each["interval"] == "epoch"]
        self.watching = [(each["scheduler"], each["monitor"]) for each in by_epoch if "monitor" in each]
        self.by_epoch = [each["scheduler"] for each in by_epoch if "monitor" not in each]
        self.before_step = [
            callback
            for callback in trainer.callbacks  # type: ignore[attr-defined]  # set by the Trainer when it is made
            if type(callback).on_before_optimizer_step is not pl.Callback.on_before_optimizer_step
        ]
        self.step = _bare_step(optimizer)
        self.forget = _forgetting(optimizer)
        self.done = 0

    def start_epoch(self) -> None:
        """Count from the beginning."""
        self.done = 0

    def run(self, chunk: Chunk) -> None:
        """Train on the mini-batches of a chunk."""
        module, optimizer, accumulate, last = self.module, self.optimizer, self.accumulate, self.batches
        trainer, before_step, by_step, step = module.trainer, self.before_step, self.by_step, self.step
        counter = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        for batch in chunk:
            if self.done % accumulate == 0:
                self.forget()
            loss = module.loss_of(module.ready(batch), self.done)
            if accumulate > 1:
                loss = loss / accumulate
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.done += 1
            if self.done % accumulate and self.done != last:
                continue
            for callback in before_step:
                callback.on_before_optimizer_step(trainer, module, optimizer)
            counter.increment_ready()
            step()
            counter.increment_completed()
            for schedule in by_step:
                schedule.step()
        if self.done == self.batches:
            for schedule in self.by_epoch:
                schedule.step()

    def end_epoch(self) -> None:
        """Move the schedules that watch a metric, which is known by now."""
        for schedule, monitor in self.watching:
            schedule.step(self.module.trainer.callback_metrics[monitor])


def _bare_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """The optimizer's step without what torch puts around it: a label for its profiler, and the calls of no hooks.

    That is a thirtieth of a small network's step. A fused Adam is called without more than its kernel.
    """
    around = type(optimizer).step
    inner = getattr(around, "__wrapped__", None)
    hooks = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    everywhere = torch_optimizer._global_optimizer_pre_hooks or torch_optimizer._global_optimizer_post_hooks
    replaced = "step" in vars(optimizer) and not hasattr(optimizer.step, "_wrapped_by_lr_sched")
    if inner is None or not getattr(around, "hooked", False) or hooks or everywhere or replaced:
        return optimizer.step
    # A schedule wraps the step, to note this: it warns when it is moved before the first one.
    optimizer._opt_called = True  # type: ignore[attr-defined]
    bare = partial(inner, optimizer)
    return FusedAdam(optimizer, bare) if isinstance(optimizer, torch.optim.Adam) and fits(optimizer) else bare


def _forgetting(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """The optimizer's `zero_grad`, or what it comes to for one that has none of its own."""
    if type(optimizer).zero_grad is not torch.optim.Optimizer.zero_grad:
        return optimizer.zero_grad
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def forget() -> None:
        for parameter in parameters:
            parameter.grad = None

    return forget
