"""Looking for flat minima."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Regularization

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


class SharpnessAware(Regularization, name="sharpness_aware"):
    """Steps by the gradient at the worst place nearby: finds minima around which the loss is low too.

        e = rho · g / ||g||        g: the gradient at w, its norm over all parameters
        w = the optimizer's step from w by the gradient at w + e

    Every step computes two gradients and takes twice as long. Works around any optimizer that makes do with one
    gradient. The second one has its own dropout masks, and batch normalization's running numbers see both. Refused
    together with accumulation and with precision 16-mixed, which allow one gradient a step only.
    Foret et al. 2021, Sharpness-Aware Minimization for Efficiently Improving Generalization.
    """

    example = """
        optimizer: {type: sgd, lr: 0.05, momentum: 0.9}
        regularization:
          - {type: sharpness_aware, rho: 0.05}
    """

    needs_closure: ClassVar[bool] = True
    conflicts: ClassVar[frozenset[str]] = frozenset({"optimizer.lbfgs", "optimizer.newton", "optimizer.newton_cg"})

    rho: PositiveFloat = 0.05
    """How far it looks: towards 0 it is the optimizer itself; the paper takes 0.05."""

    def wrap_optimizer(self, optimizer: TorchOptimizer) -> TorchOptimizer:
        """An optimizer that looks before the other one steps."""
        from recipeline_plugins.regularization.sharpness_aware_optimizer import SharpnessAwareOptimizer

        return SharpnessAwareOptimizer(optimizer, self.rho)
