"""Newton's method without the Hessian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PositiveInt

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class NewtonCG(Optimizer, name="newton_cg"):
    """Newton's method by conjugate gradients: only products of the Hessian with vectors, so models can be larger.

        solve (H + damping I) d = -g  until the residual is below min(0.5, sqrt(||g||)) ||g||
        w = w + t d                              t = lr, lr/2, lr/4, ... until the loss has fallen enough (Armijo)

    Nocedal & Wright 2006, Numerical Optimization, algorithm 7.1 (line search Newton-CG); the products by
    differentiating twice, Pearlmutter 1994. Where a direction curves downwards the iteration stops at what it has.
    Give it training: {batch_size: full}; dropout and other noise of a batch harm it.
    """

    example = """
        architecture: {type: mlp, hidden: [16]}
        optimizer: {type: newton_cg, damping: 0.1}
        training: {epochs: 20, batch_size: full}
    """

    needs_closure: ClassVar[bool] = True
    second_order: ClassVar[bool] = True
    grouped: ClassVar[bool] = False
    conflicts: ClassVar[frozenset[str]] = frozenset(
        {"regularization.gradient_clip", "regularization.gradient_noise", "regularization.sharpness_aware"}
    )
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(
        conflicts, "it differentiates the loss itself and doesn't look at the gradients that are changed"
    )
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                "regularization.dropout",
                "regularization.stochastic_depth",
                "regularization.mixup",
                "regularization.cutmix",
                "regularization.noise",
                "regularization.augment_image",
            ),
            "chance differs from one evaluation of the loss to the next",
        ),
        "training.batch_size": "anything but full: a step that solves one mini-batch undoes the one before",
    }

    lr: float = Field(default=1.0, gt=0)
    """First length that the line search tries; 1 is the whole of Newton's step."""
    damping: float = Field(default=0.0, ge=0)
    """Added to the Hessian's diagonal: larger steps less far, and more along the gradient."""
    max_iter: PositiveInt = 50
    """The most products with the Hessian in a step; each costs about two gradients."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """Newton's method over these parameters."""
        from recipeline_plugins.optimizer.newton_cg_steps import NewtonCGSteps

        return NewtonCGSteps(parameters, self.lr, self.damping, self.max_iter)
