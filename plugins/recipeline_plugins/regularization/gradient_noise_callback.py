"""The Lightning callback of `gradient_noise`."""

from __future__ import annotations

import pytorch_lightning as pl
import torch


class AddNoise(pl.Callback):
    """Adds fading noise to the gradients of the optimizer's parameters, of torch's global generator."""

    def __init__(self, eta: float, gamma: float) -> None:
        self.eta = eta
        self.gamma = gamma

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Add in place."""
        deviation = (self.eta / (1 + trainer.global_step) ** self.gamma) ** 0.5
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.add_(torch.randn_like(parameter.grad), alpha=deviation)
