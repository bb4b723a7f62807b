"""Proximal gradient steps: exact zeros under an l1 penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from recipeline import Optimizer, Problem, Proximal, RecipeError

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class ProximalGradient(Optimizer, name="proximal_gradient"):
    """Takes a penalty such as l1's into the step, so that weights become exactly zero. ISTA, or FISTA with momentum.

        ISTA:   w = prox(w - lr g)               prox of l1: sign(w) max(|w| - lr weight, 0)
        FISTA:  w(k+1) = prox(z - lr g(z))       z = w(k) + (t(k) - 1) / t(k+1) · (w(k) - w(k-1))
                t(k+1) = (1 + sqrt(1 + 4 t(k)²)) / 2,  t(1) = 1

    g is the gradient of the loss without that penalty, which is handed over and no longer added. Other penalties
    (`l2`) stay in the loss. Daubechies, Defrise & De Mol 2004; Beck & Teboulle 2009, A Fast Iterative
    Shrinkage-Thresholding Algorithm. With batch_size: full and lr at most 1 / L, L the loss's largest curvature,
    ISTA's gap falls as 1/k and FISTA's as 1/k². Under FISTA `train/loss` is that of z. With mini-batches zeros come
    and go.
    """

    example = """
        architecture: linear
        optimizer: {type: proximal_gradient, lr: 0.1}
        regularization:
          - {type: l1, weight: 0.01}
        training: {epochs: 200, batch_size: full}
    """

    needs_closure: ClassVar[bool] = True
    goes_badly_with: ClassVar[Mapping[str, str]] = {
        "training.batch_size": "anything but full: zeros come and go from one mini-batch to the next",
    }
    """FISTA takes the gradient at another point than the one that the network holds between two steps."""
    conflicts: ClassVar[frozenset[str]] = frozenset({"regularization.sharpness_aware"})
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(conflicts, "each evaluates the loss at a place of its own")

    lr: float = Field(default=0.1, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""
    accelerated: bool = True
    """FISTA; false is ISTA, which is slower, and falls at every step."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The method over these parameters; a penalty is still to be taken over."""
        from recipeline_plugins.optimizer.proximal_steps import ProximalSteps

        return ProximalSteps(parameters, self.lr, self.accelerated)

    def take_over(self, optimizer: TorchOptimizer, penalty: Sequence[Proximal]) -> bool:
        """Take any penalty over that has a proximal form.

        Raises:
            RecipeError: another one is on the same parameters.
        """
        from recipeline_plugins.optimizer.proximal_steps import ProximalSteps

        assert isinstance(optimizer, ProximalSteps)
        if any(each.parameter in optimizer.shrinking for each in penalty):
            raise RecipeError(
                Problem(
                    "'proximal_gradient' takes over one penalty for each parameter, and here are two for the same",
                    path="regularization",
                    suggestion="Take 'elastic_net' in place of 'l1' and another penalty, or leave one of them out.",
                )
            )
        optimizer.shrinking |= {each.parameter: each.shrink for each in penalty}
        return True
