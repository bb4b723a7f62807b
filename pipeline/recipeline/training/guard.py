"""What happens when a number is no longer finite: the training stops at once and says where, or leaves the step out.

The loss of every batch and the gradient of every step are looked at before the step is made, so that no weight ever
takes a NaN or an Inf from them; and no checkpoint is written that holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch

from recipeline.errors import Problem, TrainingError
from recipeline.training.finite import AllFinite, first_bad, is_finite

Policy = Literal["stop", "skip", "halve_lr"]

IN_A_ROW = 10
"""So many steps left out one after another are no mishap but the end of the training."""
HALVINGS = 20
"""A rate that was halved so often is a millionth: nothing is learned any more."""
LISTED = 5
"""Rows that are named before the rest are only counted."""
ADVICE = (
    "Lower optimizer.lr, add the regularization gradient_clip, or normalize the inputs (preprocessing: standardize) "
    "and the target (normalize_target). training.on_nonfinite: skip leaves such steps out."
)


@runtime_checkable
class Guarded(Protocol):
    """A module that says what it has seen of the batches of a step."""

    trying: bool
    """Whether the optimizer tries how far it may go: what it finds there is not what it does."""
    spoiled: str | None
    """What was not finite in a batch of the step that comes."""
    dropped: bool
    """Whether the step that comes is left out."""

    def place(self) -> str:
        """Epoch, batch and optimizer step, as a reader counts them."""

    def take_back(self) -> None:
        """Undo what the batches of a step that is left out have done to running means."""

    def rows_seen(self) -> list[int]:
        """The source's rows of the step's batches, from 0."""


class Guard(pl.Callback):
    """The first to look at a gradient.

    Args:
        policy: What to do.
        tell: Hears of steps that are left out.
    """

    def __init__(self, policy: Policy, tell: Callable[[str], None] = lambda _text: None) -> None:
        self.policy = policy
        self.tell = tell
        self.skipped = 0
        self._in_a_row = 0
        self._halvings = 0
        self._all_finite = AllFinite()
        self._endless: frozenset[str] = frozenset()
        self._guarded: Guarded | None = None
        self._scaled = False
        self._parameters: list[torch.nn.Parameter] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Learn which buffers hold an Inf on purpose, as a mask of attention does; ask once what never changes."""
        self._guarded = pl_module if isinstance(pl_module, Guarded) else None
        # Mixed precision of 16 bits overflows on purpose, and its own scaler leaves such steps out.
        self._scaled = str(trainer.precision) == "16-mixed"
        self._parameters = []
        state = pl_module.state_dict()
        self._endless = frozenset(name for name, value in state.items() if not _is_finite(value))

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Stop before a step that would do harm, or leave it out."""
        guarded = self._guarded
        spoiled = None
        if guarded is not None:
            if guarded.trying:
                return
            guarded.dropped = False
            spoiled = guarded.spoiled
        if not self._parameters:
            self._parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        fine = spoiled is None and (self._scaled or self._all_finite(gradients))
        if trainer.world_size > 1 and self.policy != "stop":
            # All leave a step out, or none: they would go on with different weights.
            somewhere = trainer.strategy.reduce(torch.tensor(float(not fine), device=pl_module.device), reduce_op="sum")
            if fine and somewhere > 0:
                fine, spoiled = False, "a batch of another process"
        if fine:
            self._in_a_row = 0
            return
        found = spoiled or _gradient(pl_module)
        if self.policy == "stop" or guarded is None:
            raise error(f"the gradient is not finite {_place(guarded)}", found, guarded)
        self._leave_out(trainer, guarded, optimizer, found)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log how many steps were left out so far, where that may happen."""
        if self.policy != "stop":
            pl_module.log("train/skipped_steps", float(self.skipped))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let no checkpoint hold what is not finite: the one before it stays the last."""
        state = checkpoint["state_dict"]
        bad = next((name for name in state if name not in self._endless and not _is_finite(state[name])), None)
        if bad is not None:
            raise error(f"the weights are no longer finite {_place(self._guarded)}", f"'{bad}'", None)

    def state_dict(self) -> dict[str, Any]:
        """How often it has acted."""
        return {"skipped": self.skipped, "in_a_row": self._in_a_row, "halvings": self._halvings}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.skipped, self._in_a_row = state_dict["skipped"], state_dict["in_a_row"]
        self._halvings = state_dict["halvings"]

    def _leave_out(self, trainer: pl.Trainer, guarded: Guarded, optimizer: torch.optim.Optimizer, found: str) -> None:
        """Take the gradients away, which every optimizer takes for nothing to do."""
        guarded.spoiled, guarded.dropped = None, True
        guarded.take_back()
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        self.skipped += 1
        self._in_a_row += 1
        if self._in_a_row > IN_A_ROW:
            raise error(f"{IN_A_ROW} steps in a row were not finite, the last {_place(guarded)}", found, guarded)
        done = "the step is left out"
        if self.policy == "halve_lr":
            self._halvings += 1
            if self._halvings > HALVINGS:
                raise error(f"the rate was halved {HALVINGS} times, the last time {_place(guarded)}", found, guarded)
            halve(optimizer, [config.scheduler for config in trainer.lr_scheduler_configs])
            done += f", and the learning rate is {float(optimizer.param_groups[0]['lr']):g} from here on"
        self.tell(f"not finite {_place(guarded)}, {found} first: {done}")


def halve(optimizer: torch.optim.Optimizer, schedulers: Sequence[Any]) -> None:
    """Halve the rates now, and what schedules make them of."""
    for group in optimizer.param_groups:
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if group.get(key) is not None:
                group[key] = group[key] / 2
    waiting = list(schedulers)
    while waiting:
        schedule = waiting.pop()
        for name in ("base_lrs", "max_lrs", "_handed_over", "_last_lr"):
            values = getattr(schedule, name, None)
            if isinstance(values, list):
                setattr(schedule, name, [value / 2 for value in values])
        waiting += getattr(schedule, "_schedulers", [])
        waiting += [schedule.after] if hasattr(schedule, "after") else []


def error(what: str, first: str, guarded: Guarded | None) -> TrainingError:
    """Says what is not finite, in which rows and which tensor first."""
    rows = sorted({row + 1 for row in guarded.rows_seen()}) if guarded is not None else []
    named = f", {listed(rows)}" if rows else ""
    return TrainingError(Problem(f"{what}{named}", found=f"first in {first}", suggestion=ADVICE))


def listed(rows: Sequence[int]) -> str:
    """Rows of a table, such as `rows 3, 7 and 12`, not more than a reader wants."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > LISTED:
        return f"rows {', '.join(map(str, rows[:LISTED]))} and {len(rows) - LISTED} more"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}"


def _place(guarded: Guarded | None) -> str:
    return f"at {guarded.place()}" if guarded is not None else "any more"


def _gradient(module: pl.LightningModule) -> str:
    name = first_bad((name, parameter.grad) for name, parameter in module.named_parameters())
    return f"the gradient of '{name}'"


def _is_finite(value: object) -> bool:
    return not isinstance(value, torch.Tensor) or not value.is_floating_point() or is_finite(value)
