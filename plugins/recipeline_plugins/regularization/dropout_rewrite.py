"""Finding a network's hidden activations and putting dropout after them."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import activation

NOT_HIDDEN = {"MultiheadAttention", "Softmax", "Softmax2d", "Softmin", "LogSoftmax"}
"""Modules of torch.nn.modules.activation that turn values into shares, or contain a layer of their own."""

ACTIVATIONS = tuple(getattr(activation, name) for name in activation.__all__ if name not in NOT_HIDDEN)


def add_dropout(model: nn.Module, p: float) -> int:
    """Replace each hidden activation by itself followed by dropout, in place; how many there were.

    An activation that is used in several places gets one dropout, which draws anew at each use.
    """
    last = output_activation(model)
    made: dict[nn.Module, nn.Module] = {}
    # remove_duplicate=False: an activation registered in two places has to be replaced in both.
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if not path or module is last or not isinstance(module, ACTIVATIONS):
            continue
        if module not in made:
            made[module] = nn.Sequential(module, nn.Dropout(p))
        model.set_submodule(path, made[module])
    return len(made)


def output_activation(model: nn.Module) -> nn.Module | None:
    """The activation that ends the network: the last item of the Sequential that is registered last, if it is one.

    Only inside a Sequential is the order of modules the order of computation; an activation registered last on any
    other module may be used anywhere, and counts as hidden.
    """
    parent, tail = None, model
    while children := list(tail.children()):
        parent, tail = tail, children[-1]
    return tail if isinstance(parent, nn.Sequential) and isinstance(tail, ACTIVATIONS) else None
