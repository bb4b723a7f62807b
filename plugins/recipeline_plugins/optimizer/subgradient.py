"""The subgradient method, for losses with corners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from recipeline import Optimizer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Subgradient(Optimizer, name="subgradient"):
    """Steps that diminish, and the best point kept: for losses that aren't smooth, such as mae with l1.

        w(t+1) = w(t) - step(t) g(t)             g: a subgradient;  step: lr / sqrt(t) or lr / t,  t = 1, 2, ...
        best = the w(t) with the least loss, penalties included

    Shor 1962; Boyd, Xiao & Mutapcic 2003, Subgradient Methods. At a corner every step of a fixed size jumps over the
    lowest point; steps that go to zero while their sum doesn't reach it, slowly (the gap falls as 1/sqrt(t)). A step
    may go uphill, so between two steps the network holds the best point so far: that is what is validated and saved,
    while `train/loss` shows the points on the way. To know which is best it needs batch_size: full. A smaller
    learning rate alone, as the method is sometimes explained, isn't it.
    """

    example = """
        architecture: linear
        loss: mae
        optimizer: {type: subgradient, lr: 0.5}
        regularization:
          - {type: l1, weight: 0.01}
        training: {epochs: 500, batch_size: full}
    """

    needs_closure: ClassVar[bool] = True
    requires: ClassVar[frozenset[str]] = frozenset({"training.batch_size=full"})
    conflicts: ClassVar[frozenset[str]] = frozenset({"regularization.sharpness_aware"})
    reasons: ClassVar[Mapping[str, str]] = {
        "regularization.sharpness_aware": "each evaluates the loss at a place of its own",
        "training.batch_size=full": "it keeps the point with the least loss, which one mini-batch doesn't show",
    }

    lr: float = Field(default=0.1, gt=0)
    """The first step's length, in gradients."""
    decay: Literal["sqrt", "linear"] = "sqrt"
    """How steps diminish: lr / sqrt(t), or linear: lr / t, which is right only for strongly convex losses."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The method over these parameters."""
        from recipeline_plugins.optimizer.subgradient_steps import SubgradientSteps

        return SubgradientSteps(parameters, self.lr, 0.5 if self.decay == "sqrt" else 1.0)
