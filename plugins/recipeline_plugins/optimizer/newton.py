"""Newton's method with the whole Hessian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PositiveInt

from recipeline import Optimizer, Problem, RecipeError

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Newton(Optimizer, name="newton"):
    """Newton's method: steps to the bottom of the parabola that fits here. One step solves least squares.

        d = -(H + damping I)⁻¹ g                 H: the matrix of second derivatives
        w = w + t d                              t = lr, lr/2, lr/4, ... until the loss has fallen enough (Armijo)

    Nocedal & Wright 2006, Numerical Optimization, sections 3.2 to 3.4. Where H + damping I is not positive definite
    (flat directions, a saddle), the damping is raised tenfold until it is. H has a row and a column for every
    parameter, so this is for small models; `newton_cg` needs no H. Give it training: {batch_size: full}: a step
    that solves one mini-batch exactly undoes the one before. Dropout and other noise harm it the same way.
    """

    example = """
        architecture: linear
        optimizer: newton
        training: {epochs: 5, batch_size: full}
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
        "training.batch_size": "anything but full: a step that solves one mini-batch exactly undoes the one before",
    }

    lr: float = Field(default=1.0, gt=0)
    """First length that the line search tries; 1 is the whole of Newton's step."""
    damping: float = Field(default=0.0, ge=0)
    """Added to the Hessian's diagonal: larger steps less far, and more along the gradient."""
    max_parameters: PositiveInt = 2000
    """The largest model that it takes: the Hessian of 2000 is 16 to 32 MB, and every step solves it."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """Newton's method over these parameters.

        Raises:
            RecipeError: there are too many.
        """
        from recipeline_plugins.optimizer.newton_steps import NewtonSteps

        count = sum(p.numel() for p in parameters)
        if count > self.max_parameters:
            raise RecipeError(
                Problem(
                    f"'newton' takes models of at most {self.max_parameters:,} parameters: its Hessian has a row and a "
                    "column for each",
                    path="optimizer.max_parameters",
                    found=f"{count:,} parameters",
                    suggestion="Take 'newton_cg' or 'lbfgs', which need no Hessian, a smaller model, or raise "
                    "max_parameters.",
                )
            )
        return NewtonSteps(parameters, self.lr, self.damping)
