"""What every run measures of itself, epoch by epoch: learning rate, gradient norm, examples a second."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch

from recipeline.errors import Problem, TrainingError

EVERY = 16
"""Optimizer steps between two looks at the gradient, from the epoch's first: its norm costs a tenth of a small step."""


@runtime_checkable
class Watched(Protocol):
    """A module that measures its own epochs."""

    def log_train_epoch(self) -> int:
        """Log the epoch's mean loss; the number of its examples."""


class Watch(pl.Callback):
    """Measures before other callbacks act, so that the gradient's norm is the one before clipping."""

    def __init__(self) -> None:
        self._norms: list[torch.Tensor] = []
        self._steps = 0
        self._lr = 0.0
        self._began = self._ended = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._norms.clear()
        self._steps = 0
        self._began = self._ended = perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """What was measured of an epoch under way, to go on in the middle of it."""
        return {"norms": list(self._norms), "steps": self._steps, "lr": self._lr, "seconds": self._ended - self._began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._norms = list(state_dict["norms"])
        self._steps, self._lr = state_dict["steps"], state_dict["lr"]
        self._ended = perf_counter()
        self._began = self._ended - state_dict["seconds"]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Take the norm of the whole gradient now and then."""
        # Of how far a step may go: not the gradient that it follows. Of a step that is left out there is none.
        if getattr(pl_module, "trying", False) or getattr(pl_module, "dropped", False):
            return
        # Taken here: at the epoch's end the schedule has moved on already.
        self._lr = float(optimizer.param_groups[0]["lr"])
        self._steps += 1
        if self._steps % EVERY != 1:
            return
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not gradients:
            raise TrainingError(
                Problem(
                    "no parameter has a gradient",
                    suggestion="The architecture's output does not depend on its parameters.",
                )
            )
        self._norms.append(torch.nn.utils.get_total_norm(gradients).detach())

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the time, so that validation is not counted in."""
        self._ended = perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the epoch's loss, rate, mean norm and speed over all processes."""
        assert isinstance(pl_module, Watched)
        examples = pl_module.log_train_epoch()
        pl_module.log("lr", self._lr)
        if self._norms:
            pl_module.log("grad_norm", torch.stack([norm.to(pl_module.device) for norm in self._norms]).float().mean())
        seconds = max(self._ended - self._began, 1e-9)
        pl_module.log("train/examples_per_second", examples * trainer.world_size / seconds)
