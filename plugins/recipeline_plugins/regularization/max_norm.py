"""A limit on the size of each unit's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from recipeline import Regularization

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class MaxNorm(Regularization, name="max_norm"):
    """Keeps the weights that enter each unit within a ball: no unit can grow loud, and none is pulled below that.

        after each step:  w = w · min(1, max / ||w||)        w: all weights that enter one unit

    For every matrix and kernel, the output's too; a row of an embedding counts as a unit. Biases are free. Unlike
    `l2` it leaves small weights alone, so that large learning rates do no harm. Goes well with `dropout`.
    Srebro, Rennie & Jaakkola 2005, Maximum-Margin Matrix Factorization; Srivastava et al. 2014, Dropout.
    """

    example = """
        regularization:
          - {type: max_norm, max: 3.0}
          - {type: dropout, p: 0.5}
    """

    max: PositiveFloat = 3.0
    """The largest Euclidean norm of a unit's incoming weights; 3 to 4 is usual, less constrains more."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        """Bring the first weights within the limit, having checked that there is something to act on."""
        import torch

        from recipeline_plugins.regularization.group_norms import limited
        from recipeline_plugins.regularization.penalized import penalized

        with torch.no_grad():
            for weight in penalized(model, "weights", "max_norm"):
                weight.copy_(limited(weight, self.max))
        return model

    def wrap_optimizer(self, optimizer: TorchOptimizer) -> TorchOptimizer:
        """Have every step end within the limit."""
        import torch

        from recipeline_plugins.regularization.group_norms import limited

        def project(stepped: TorchOptimizer, *_: object) -> None:
            with torch.no_grad():
                for group in stepped.param_groups:
                    for weight in group["params"]:
                        if weight.ndim > 1:
                            weight.copy_(limited(weight, self.max))

        optimizer.register_step_post_hook(project)
        return optimizer
