"""Which parameters a weight decay is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

Decayed = Literal["weights", "all"]


def groups(parameters: Sequence[nn.Parameter], weight_decay: float, which: Decayed) -> list[dict[str, Any]]:
    """Torch's parameter groups, those without decay apart.

    `weights` are the parameters of two dimensions or more: matrices, kernels, embeddings. Biases and the scales and
    shifts of normalizations have one; to pull them to zero moves the model away from the data's mean and scale.
    """
    if which == "all" or weight_decay == 0:
        return [{"params": list(parameters), "weight_decay": weight_decay}]
    weights = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    both = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in both if group["params"]]
