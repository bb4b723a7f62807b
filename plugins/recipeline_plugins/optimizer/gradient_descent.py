"""Gradient descent on the whole train part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class GradientDescent(Optimizer, name="gradient_descent"):
    """Gradient descent: each step follows the gradient of the whole train part. Needs batch_size: full.

        w = w - lr gradient                      gradient: of the loss over all train rows

    Cauchy 1847, Méthode générale pour la résolution des systèmes d'équations simultanées. One step an epoch, and no
    noise: the loss falls at every step while lr < 2 / L, where L is the largest curvature. Often "batch gradient
    descent"; where that means portions of the data it is `sgd`. The loss `mse` has the factor 1/m and so the gradient
    2/m X'(Xw - y); texts that print 1/m X'(Xw - y) mean half the squares, and half this `lr`.
    """

    example = """
        optimizer: {type: gradient_descent, lr: 0.1}
        training: {epochs: 200, batch_size: full}
    """

    requires: ClassVar[frozenset[str]] = frozenset({"training.batch_size=full"})
    reasons: ClassVar[Mapping[str, str]] = {
        "training.batch_size=full": "its steps follow the gradient of all train rows; with fewer it would be 'sgd'",
    }

    lr: float = Field(default=0.01, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The SGD of torch, which knows nothing of batches, without anything."""
        import torch

        from recipeline_plugins.optimizer.kernel import fused, unscaled_outside

        return unscaled_outside(torch.optim.SGD(parameters, lr=self.lr, fused=fused(parameters)))
