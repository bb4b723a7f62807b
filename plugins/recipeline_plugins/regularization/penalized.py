"""Which parameters a penalty is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from recipeline import Problem, RecipeError

if TYPE_CHECKING:
    import torch
    from torch import nn

Which = Literal["weights", "all"]


def penalized(model: nn.Module, which: Which, name: str) -> list[torch.Tensor]:
    """The trainable parameters that the penalty `name` is on.

    `weights` are those of two dimensions or more: matrices, kernels, embeddings. Biases and the scales and shifts
    of normalizations have one, and a penalty on them only moves the model away from the data's mean.

    Raises:
        RecipeError: there are none.
    """
    found: list[torch.Tensor] = [p for p in model.parameters() if p.requires_grad and (which == "all" or p.ndim > 1)]
    if not found:
        kind = "trainable weight" if which == "weights" else "trainable parameter"
        raise RecipeError(
            Problem(
                f"'{name}' found nothing to act on: the network has no {kind}",
                path="regularization",
                suggestion=f"Remove '{name}', or choose an architecture with weights.",
            )
        )
    return found
