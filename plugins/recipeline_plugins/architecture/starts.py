"""What weights start from, by name: the functions of torch.nn.init, and a network's hidden weights given to one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

_kaiming_uniform = partial(nn.init.kaiming_uniform_, nonlinearity="relu")
_kaiming_normal = partial(nn.init.kaiming_normal_, nonlinearity="relu")

STARTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": _kaiming_uniform,
    "kaiming_normal": _kaiming_normal,
    "lecun_normal": partial(nn.init.kaiming_normal_, nonlinearity="linear"),
    "orthogonal": nn.init.orthogonal_,
    "trunc_normal": partial(nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04),
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": _kaiming_uniform,
    "he_normal": _kaiming_normal,
}
"""By name. kaiming is for relu and its like (variance 2/inputs), lecun_normal has variance 1/inputs, trunc_normal 0.02
of spread and nothing beyond twice that."""


def start_hidden(network: nn.Module, name: str, output: nn.Module | None) -> None:
    """Draw all matrices and kernels but the output's anew; their biases start at zero.

    Embeddings, norms and the output's layer keep the start that the architecture gives them.

    Args:
        network: Whose.
        name: One of `STARTS`, or `auto` for leaving everything as it is.
        output: The layer that no activation follows; None where the answer's vectors do its work.
    """
    if name == "auto":
        return
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and module is not output:
            STARTS[name](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
