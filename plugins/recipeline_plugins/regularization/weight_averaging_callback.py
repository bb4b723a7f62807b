"""The Lightning callback of `weight_averaging`.

Lightning has one as well: it copies the whole LightningModule, data and all, warns of every module that makes its
network late, and averages counters.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

PREFIX = "network."
"""Where the network stands in the state of the LightningModule."""


def decay_at(step: int, decay: float) -> float:
    """Share of the past at a step (from 0): less at first, when there is no past worth keeping."""
    return min(decay, (1 + step) / (10 + step))


class AverageWeights(pl.Callback):
    """Keeps a mean of the network's state, and puts it in the network's place while that is judged or saved.

    Args:
        decay: Share of the past after each step, or None for an equal mean of the epochs' ends.
        start: The first epoch, from 1, that is averaged.
    """

    def __init__(self, decay: float | None, start: int) -> None:
        self.decay = decay
        self.start = start
        self.count = 0
        self._average: dict[str, torch.Tensor] = {}
        self._own: dict[str, torch.Tensor] = {}
        self._last_step = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Don't take what was there before the first step for a step."""
        self._last_step = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the weights into the mean: after each step, or after the last batch of an epoch."""
        due = trainer.is_last_batch if self.decay is None else trainer.global_step > self._last_step
        self._last_step = trainer.global_step
        if due and trainer.current_epoch + 1 >= self.start:
            self._take(_network(pl_module))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the mean in."""
        if self.count and not self._own:
            network = _network(pl_module)
            self._own = _copy(network)
            network.load_state_dict(self._average)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the weights back."""
        self._restore(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Put the weights back."""
        self._restore(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the mean in."""
        if self.count:
            _network(pl_module).load_state_dict(self._average)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the mean as the network's weights; the weights themselves are in this callback's state."""
        if self.count:
            checkpoint["state_dict"] |= {PREFIX + name: value for name, value in self._average.items()}
            checkpoint["callbacks"][self.state_key]["weights"] = self._own or _copy(_network(pl_module))

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with the weights, not with their mean."""
        weights = checkpoint["callbacks"].get(self.state_key, {}).get("weights")
        if weights:
            _network(pl_module).load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """The mean, and of how many."""
        return {"count": self.count, "average": self._average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.count = state_dict["count"]
        self._average = state_dict["average"]

    @torch.no_grad()
    def _take(self, network: nn.Module) -> None:
        state = network.state_dict()
        if not self.count:
            self._average = {name: value.clone() for name, value in state.items()}
        else:
            past = 1 - 1 / (self.count + 1) if self.decay is None else decay_at(self.count - 1, self.decay)
            for name, value in state.items():
                average = self._average[name].to(value.device)
                # Counters, such as batch normalization's of its batches, have no mean.
                self._average[name] = average.lerp_(value, 1 - past) if value.is_floating_point() else value.clone()
        self.count += 1

    def _restore(self, pl_module: pl.LightningModule) -> None:
        if self._own:
            _network(pl_module).load_state_dict(self._own)
            self._own = {}


def _network(pl_module: pl.LightningModule) -> nn.Module:
    network = pl_module.network
    assert isinstance(network, nn.Module)
    return network


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
