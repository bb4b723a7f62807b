"""The Lightning callback of `gradient_clip`."""

from __future__ import annotations

from typing import Literal

import pytorch_lightning as pl
import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_


class ClipGradients(pl.Callback):
    """Clips the gradients of the optimizer's parameters, after accumulation and before the step."""

    def __init__(self, by: Literal["norm", "value"], maximum: float) -> None:
        self.by = by
        self.maximum = maximum

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Clip in place."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if self.by == "norm":
            clip_grad_norm_(parameters, self.maximum)
        else:
            clip_grad_value_(parameters, self.maximum)
