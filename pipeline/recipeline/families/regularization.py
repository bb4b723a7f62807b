"""What keeps a model from learning its train rows by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline.families.plugin import Plugin

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Regularization(Plugin, family="regularization"):
    """Any of these, each at its moment; what is not overridden does nothing."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Change the network once, before training. One that finds nothing to act on raises RecipeError."""
        return model

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """A scalar added to the loss of each mini-batch."""
        return None

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Change a training mini-batch."""
        return inputs, target

    def callbacks(self) -> list[Callback]:
        """Lightning callbacks; their state goes into the checkpoint."""
        return []

    def wrap_optimizer(self, optimizer: TorchOptimizer) -> TorchOptimizer:
        """Change how steps are made."""
        return optimizer

    def monitors(self) -> str | None:
        """The metric that it watches, such as `val/loss`; None when it watches none."""
        return None
