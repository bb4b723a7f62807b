"""A loss whose gradient remembers the past ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from recipeline import ByName, Loss, LossFunction, TargetSpec
from recipeline_plugins.loss.usual import usual

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class Momentum(Loss, name="momentum"):
    """Another loss, with a term that holds the direction of descent: its gradient is the running mean of gradients.

        loss = (1 - beta) L(θ) + beta <m, θ>         L: the loss `of`; θ: all parameters; <,>: the sum of products
        m = (1 - beta) ∇L(θ) + beta m                after each step; 0 at first

    ∇loss = (1 - beta) ∇L + beta m, which becomes the next m: the exponential mean of L's gradients. So `sgd` on this
    loss is `momentum` descent (Polyak 1964, Some Methods of Speeding Up the Convergence of Iteration Methods) in the
    form with 1 - beta, and the descent turns less from step to step. The first steps are short, (1 - beta) long:
    there is no correction for the zeros that m starts from.

    The mean is of L's gradients alone; penalties are added outside. Its value means nothing by itself: `train/loss`,
    and `val/loss`, which it doesn't act on, show L.
    """

    example = """
        loss: {type: momentum, of: mse, beta: 0.9}
        optimizer: {type: sgd, lr: 0.05}
    """

    tasks: ClassVar[set[Task]] = {"regression", "binary", "multiclass", "multilabel", "forecasting", "sequence"}
    soft_targets: ClassVar[bool] = True
    conflicts: ClassVar[frozenset[str]] = frozenset(
        {"regularization.sharpness_aware", "optimizer.lbfgs", "optimizer.newton", "optimizer.newton_cg"}
    )
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(
        conflicts, "it evaluates one function several times, and this loss is another one after each step"
    )
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "optimizer.adam",
            "optimizer.adamw",
            "optimizer.nadam",
            "optimizer.radam",
            "optimizer.adamax",
            "optimizer.lion",
            "optimizer.muon",
            "optimizer.momentum",
            "optimizer.nesterov",
        ),
        "gradients would be averaged twice",
    )

    beta: float = Field(default=0.9, ge=0, lt=1)
    """Share of the past: 0 is the loss itself, 0.9 averages about ten gradients."""
    of: Annotated[Loss, ByName()] | None = None
    """The loss; null takes the task's usual one: `mse`, `cross_entropy` or `binary_cross_entropy`."""

    def build(self, target: TargetSpec) -> LossFunction:
        """As the loss `of`, to a scalar."""
        from recipeline_plugins.loss.momentum_function import MomentumLoss

        return MomentumLoss(self._inner(target).build(target), self.beta)

    def outputs(self, target: TargetSpec) -> int:
        """As many as the loss `of` wants."""
        return self._inner(target).outputs(target)

    def link(self, outputs: torch.Tensor, target: TargetSpec) -> torch.Tensor:
        """What the loss `of` says."""
        return self._inner(target).link(outputs, target)

    def _inner(self, target: TargetSpec) -> Loss:
        return self.of or usual(target)
