"""What keeps a model from learning its train rows by heart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from recipeline.families.plugin import Plugin
from recipeline.families.spec import Task

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


@dataclass(frozen=True, slots=True)
class Proximal:
    """The penalty on one parameter as an optimizer can take it over: what it does to a value."""

    parameter: torch.Tensor
    """Which of the network's parameters."""
    shrink: Callable[[torch.Tensor, float], torch.Tensor]
    """(value, step) -> the w that makes penalty(w) + |w - value|² / (2 step) least; a new tensor."""


class Regularization(Plugin, family="regularization"):
    """Any of these, each at its moment; what is not overridden does nothing."""

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset()
    """The tasks that it is made for; empty for all."""
    soft_targets: ClassVar[bool] = False
    """Whether its `augment` takes and returns classes as shares, float (batch, classes), in place of indices."""
    spatial: ClassVar[bool] = False
    """Whether its `augment` is for examples whose numbers have places, (channels, length) or (channels, height,
    width), and not for columns."""
    needs_closure: ClassVar[bool] = False
    """Whether the optimizer that it wraps evaluates the loss several times a step."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Change the network once, before training. One that finds nothing to act on raises RecipeError."""
        return model

    def penalty(self, model: nn.Module) -> torch.Tensor | None:
        """A scalar added to the loss of each mini-batch."""
        return None

    def proximal(self, model: nn.Module) -> list[Proximal]:
        """The same penalty in the form that an optimizer such as `proximal_gradient` takes over from the loss.

        An empty list says that there is none, or that it can only be added. No parameter may stand in it twice.
        """
        return []

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Change a training mini-batch.

        Draw from torch's global generator, so that a run can be repeated. The target of classes is indices (batch,),
        or shares (batch, classes) from the first regularization on that has `soft_targets`.
        """
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
