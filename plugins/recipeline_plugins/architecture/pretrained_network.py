"""The network of `pretrained`: an earlier model's layers and weights, some of them frozen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import nn

from recipeline import EarlierModel, InputSpec, Problem, RecipeError

HEAD = "head"
"""What freezes all but the layers that depend on the number of outputs."""
SHOWN = 12
"""Layers that an error lists."""


def continued(
    earlier: EarlierModel, inputs: InputSpec, outputs: int, *, keep_head: bool, freeze_until: str | None = None
) -> nn.Module:
    """The earlier model's network for these inputs and outputs.

    Args:
        earlier: The model.
        inputs: What the data has.
        outputs: How many outputs there have to be.
        keep_head: Whether the head's weights are taken over too.
        freeze_until: The last frozen layer, or `head` for all before that.

    Raises:
        RecipeError: the weights don't fit these inputs, nothing is left of them, or there is no such layer.
    """
    network = _layers(earlier, inputs, outputs)
    own = network.state_dict()
    with torch.random.fork_rng(devices=[]):  # only its shapes are of interest
        wider = _layers(earlier, inputs, outputs + 1).state_dict()
    head = {name for name, value in own.items() if value.shape != wider[name].shape}
    kept = {name: value for name, value in earlier.weights.items() if keep_head or name not in head}
    _refuse_misfits(earlier, inputs, own, kept, head)
    network.load_state_dict(kept, strict=False)
    if freeze_until is not None:
        freeze(network, freeze_until, head)
    return network


def _layers(earlier: EarlierModel, inputs: InputSpec, outputs: int) -> nn.Module:
    network = earlier.architecture.build(inputs, outputs)
    for regularization in earlier.rewrites:
        network = regularization.rewrite(network)
    return network


def _refuse_misfits(
    earlier: EarlierModel,
    inputs: InputSpec,
    own: dict[str, torch.Tensor],
    kept: dict[str, torch.Tensor],
    head: Collection[str],
) -> None:
    """Every layer but a new head finds its weights, of its shape, and there is something to go on from."""
    if not any(name not in head for name in own):
        raise RecipeError(
            Problem(
                f"'{earlier.architecture.plugin_name}' is nothing but its head, so that nothing is left to start from",
                path="architecture",
                suggestion="Start from a network with hidden layers, or train this one from the beginning.",
            )
        )
    wrong = []
    for name in sorted(own.keys() | kept.keys()):
        here, there = own.get(name), kept.get(name)
        if there is None and name in head:
            continue  # it gets new weights
        if here is None or there is None or here.shape != there.shape:
            wrong.append((name, f"{name} {_size(here)} here, {_size(there)} there"))
    if not wrong:
        return
    shapes = [
        f"{kind} {_times(block.shape)} here, {_times(earlier.inputs.blocks[kind].shape)} there"
        for kind, block in inputs.blocks.items()
        if kind in earlier.inputs.blocks and block.shape != earlier.inputs.blocks[kind].shape
    ]
    raise RecipeError(
        Problem(
            "the earlier model's weights don't fit these inputs",
            path="architecture",
            found="; ".join([*shapes, *(words for _, words in wrong)][:3]),
            suggestion="Bring the inputs to the size that they had there, by preprocessing or by the lengths of the "
            "rows" + (", or write head: new." if all(name in head for name, _ in wrong) else "."),
        )
    )


def freeze(network: nn.Module, until: str, head: Collection[str]) -> None:
    """Take the parameters up to this layer out of the training, for good.

    Args:
        network: Whose.
        until: The layer's name, or the beginning of it; all of it is frozen, and all before it. Or `head`.
        head: The names of the head's parameters.

    Raises:
        RecipeError: there is no such layer, or no parameter would be left to train.
    """
    named = list(network.named_parameters())
    if until == HEAD:
        frozen = [p for name, p in named if name not in head]
    else:
        places = [place for place, (name, _) in enumerate(named) if _within(name, until)]
        if not places:
            raise _no_layer(network, until)
        frozen = [p for _, p in named[: places[-1] + 1]]
    if len(frozen) == len(named):
        raise RecipeError(
            Problem(
                "every layer would be frozen, and nothing is left to train",
                path="architecture.freeze_until",
                found=until,
                suggestion="Name an earlier layer, or `head` for all but the head.",
            )
        )
    for parameter in frozen:
        parameter.requires_grad_(False)
    network.register_forward_pre_hook(_AsWhenPredicting(_at_rest(network)))


def _at_rest(network: nn.Module) -> list[nn.Module]:
    """The modules in which nothing is trained, with all that stands inside them."""
    still: dict[int, nn.Module] = {}
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            still |= {id(inner): inner for inner in module.modules()}
    return list(still.values())


class _AsWhenPredicting:
    """Keeps modules in evaluation mode, whatever mode the network is put into.

    Norms would go on counting otherwise, and with them what frozen weights make of a row.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules = modules

    def __call__(self, network: nn.Module, inputs: Any) -> None:
        for module in self.modules:
            module.training = False


def _within(name: str, layer: str) -> bool:
    return name == layer or name.startswith(f"{layer}.")


def _no_layer(network: nn.Module, until: str) -> RecipeError:
    names = list(dict.fromkeys(".".join(name.split(".")[:-1][:2]) or name for name, _ in network.named_parameters()))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return RecipeError(
        Problem(
            "the earlier model has no such layer",
            path="architecture.freeze_until",
            found=until,
            suggestion=f"In order there are: {', '.join(names[:SHOWN])}{more}; or `head` for all but the head.",
        )
    )


def _size(value: torch.Tensor | None) -> str:
    return "none" if value is None else _times(value.shape)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "1"
