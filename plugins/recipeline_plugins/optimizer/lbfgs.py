"""L-BFGS: curvature from the last few gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class LBFGS(Optimizer, name="lbfgs"):
    """Quasi-Newton steps from the last few changes of the gradient: few, exact steps. For small data in one batch.

        d = -H g       H: the inverse Hessian that the pairs s = w(k+1) - w(k), y = g(k+1) - g(k) imply
        w = w + t d    t: from the line search, or `lr`

    Liu & Nocedal 1989, On the Limited Memory BFGS Method, by the two-loop recursion of Nocedal 1980. What
    scikit-learn's logistic regression uses. Give it training: {batch_size: full}: differences of gradients of
    different mini-batches say nothing of curvature. Dropout, mixup and other noise of a batch harm it the same way.
    """

    example = """
        architecture: linear
        optimizer: {type: lbfgs, max_iter: 20}
        training: {epochs: 10, batch_size: full}
    """

    needs_closure: ClassVar[bool] = True
    grouped: ClassVar[bool] = False
    conflicts: ClassVar[frozenset[str]] = frozenset(
        {"regularization.gradient_clip", "regularization.gradient_noise", "regularization.sharpness_aware"}
    )
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(
        conflicts, "it takes curvature from differences of gradients, so they must be the loss's own"
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
        "training.batch_size": "anything but full: gradients of different mini-batches differ by more than curvature",
    }

    lr: float = Field(default=1.0, gt=0)
    """First length that the line search tries; without one the length of every step. 1 is Newton's."""
    max_iter: PositiveInt = 20
    """Iterations in one optimizer step, that is on one batch."""
    history: PositiveInt = 10
    """Changes of the gradient that are remembered; more is nearer to Newton, and more memory."""
    line_search: Literal["strong_wolfe", "none"] = "strong_wolfe"
    """strong_wolfe makes sure that the loss falls and the curvature is right; none is quicker, and may diverge."""
    tolerance: NonNegativeFloat = 1e-7
    """The iterations end when no gradient is larger than this; with float32 less can hardly be reached."""
    change: NonNegativeFloat = 1e-9
    """They end as well when loss and parameters change by less than this."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The LBFGS of torch over these parameters."""
        import torch

        return torch.optim.LBFGS(
            parameters,
            lr=self.lr,
            max_iter=self.max_iter,
            history_size=self.history,
            tolerance_grad=self.tolerance,
            tolerance_change=self.change,
            line_search_fn=None if self.line_search == "none" else self.line_search,
        )
