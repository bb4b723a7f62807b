"""What a regularization promises: to act, to say when it can't, and to leave the rest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline.errors import RecipeError
from recipeline.families.regularization import Regularization
from recipeline.families.spec import TargetSpec
from recipeline.testing.examples import ROWS, saved_and_loaded, truth_for
from recipeline.testing.optimizer import descend, quadratic
from recipeline.testing.promises import broken, holds, promised

if TYPE_CHECKING:
    from torch import nn


def _network() -> nn.Module:
    """Layers, normalization, activations, and a block that adds a branch to its input."""
    import torch
    from torch import nn

    class Block(nn.Module):
        residual_branches = ("branch",)

        def __init__(self) -> None:
            super().__init__()
            self.branch = nn.Sequential(nn.Linear(6, 6), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = x + self.branch(x)
            return out

    torch.manual_seed(0)
    hidden = [nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), Block()]
    return nn.Sequential(*hidden, nn.Linear(6, 3))


def check_regularization(plugin: Regularization) -> None:
    """Check whichever of its methods a regularization brings."""
    overridden = [
        name
        for name in ("rewrite", "penalty", "augment", "callbacks", "wrap_optimizer")
        if getattr(type(plugin), name) is not getattr(Regularization, name)
    ]
    holds(bool(overridden), plugin, "does at least one of rewrite, penalty, augment, callbacks, wrap_optimizer")
    if "rewrite" in overridden:
        _check_rewrite(plugin, alone=overridden == ["rewrite"])
    if "penalty" in overridden:
        _check_penalty(plugin)
    if "augment" in overridden:
        _check_augment(plugin)
    if "callbacks" in overridden:
        _check_callbacks(plugin)
    if "wrap_optimizer" in overridden:
        _check_wrap_optimizer(plugin)


def _check_rewrite(plugin: Regularization, alone: bool) -> None:
    import torch

    with promised(plugin, "rewrites a network"):
        network = plugin.rewrite(_network())
    holds(isinstance(network, torch.nn.Module), plugin, "returns the network that it has rewritten")
    x = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(1))
    with promised(plugin, "leaves a network that runs"), torch.no_grad():
        shape = tuple(network.eval()(x).shape)
    holds(shape == (ROWS, 3), plugin, "leaves the network's output in its shape", str(shape))
    if alone:
        before = _network()
        old, new = before.state_dict(), network.state_dict()
        holds(
            repr(network) != repr(before)
            or old.keys() != new.keys()
            or any(value.shape != new[key].shape or not torch.equal(value, new[key]) for key, value in old.items()),
            plugin,
            "changes something in a network that it rewrites",
        )
    speaks = "says with a RecipeError that it found nothing to act on"
    try:
        rewritten = plugin.rewrite(torch.nn.Identity())
    except RecipeError:
        return
    except Exception as error:
        raise broken(plugin, speaks, error) from error
    holds(repr(rewritten) != repr(torch.nn.Identity()), plugin, speaks)


def _check_penalty(plugin: Regularization) -> None:
    import torch

    network = _network()
    with promised(plugin, "computes a penalty"):
        value: Any = plugin.penalty(network)
    if value is None:
        return  # turned off by its settings
    holds(isinstance(value, torch.Tensor) and value.ndim == 0, plugin, "has a penalty that is a scalar tensor")
    holds(bool(value.isfinite()), plugin, "has a finite penalty", str(value.item()))
    with promised(plugin, "has a penalty with a gradient"):
        torch.autograd.backward(value)
    slopes = [p.grad for p in network.parameters() if p.grad is not None]
    holds(
        any(bool(slope.any()) for slope in slopes) and all(bool(slope.isfinite().all()) for slope in slopes),
        plugin,
        "has a penalty whose finite gradient reaches the network",
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    after = plugin.penalty(network)
    holds(after is not None and not torch.equal(after, value), plugin, "computes the penalty from the present weights")


def _check_augment(plugin: Regularization) -> None:
    import torch

    classes = truth_for(TargetSpec("multiclass", ("y",), (0, 1, 2)), ROWS, 1)
    if plugin.soft_targets:
        classes = torch.nn.functional.one_hot(classes, 3).float()
    takes_values = not plugin.tasks or "regression" in plugin.tasks
    for target in (classes, torch.randn(ROWS, 1)) if takes_values else (classes,):
        shape = (ROWS, 3, 8, 8) if plugin.spatial else (ROWS, 5)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        kept, kept_target = x.clone(), target.clone()
        results = []
        for _ in range(2):
            torch.manual_seed(3)
            with promised(plugin, "changes a mini-batch"):
                results.append(plugin.augment((x,), target))
        (inputs, changed), (inputs_again, _) = results
        holds(
            torch.equal(x, kept) and torch.equal(target, kept_target),
            plugin,
            "returns a changed mini-batch and leaves the one it was given alone",
        )
        holds(
            len(inputs) == 1 and inputs[0].shape[1:] == x.shape[1:] and len(inputs[0]) == len(changed),
            plugin,
            "keeps the shape of an example, and as many targets as examples",
        )
        holds(bool(inputs[0].isfinite().all()), plugin, "keeps the mini-batch finite")
        holds(torch.equal(inputs[0], inputs_again[0]), plugin, "changes the same way for the same seed")


def _check_callbacks(plugin: Regularization) -> None:
    import pytorch_lightning

    with promised(plugin, "makes its callbacks"):
        first: Any = plugin.callbacks()
        second = plugin.callbacks()
    holds(
        isinstance(first, list) and all(isinstance(callback, pytorch_lightning.Callback) for callback in first),
        plugin,
        "makes a list of Lightning callbacks",
        repr(first),
    )
    shared = {id(callback) for callback in first} & {id(callback) for callback in second}
    holds(not shared, plugin, "makes new callbacks for every training")
    for callback in first:
        with promised(plugin, "has callbacks whose state survives save and load"):
            callback.load_state_dict(saved_and_loaded(callback.state_dict()))


def _check_wrap_optimizer(plugin: Regularization) -> None:
    import torch

    parameters, height = quadratic()
    with promised(plugin, "wraps an optimizer"):
        optimizer = plugin.wrap_optimizer(torch.optim.SGD(parameters, lr=0.01))
    holds(isinstance(optimizer, torch.optim.Optimizer), plugin, "wraps an optimizer into a torch optimizer")
    before = height().item()
    with promised(plugin, "wraps an optimizer that steps"):
        descend(optimizer, height, 50)
        optimizer.load_state_dict(saved_and_loaded(optimizer.state_dict()))
    holds(height().item() < before, plugin, "wraps an optimizer that still reduces a quadratic")
