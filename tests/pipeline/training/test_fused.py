"""A fused Adam without what surrounds its kernel makes the very same steps, and keeps the very same state."""

import copy

import pytest
import torch
from torch import nn

from recipeline.training.fused import FusedAdam, fits

MAKES = {
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01, fused=True),
    "adam with decay": lambda groups: torch.optim.Adam(groups, lr=0.01, weight_decay=0.1, betas=(0.8, 0.9), fused=True),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1, eps=1e-6, fused=True),
}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def groups(module: nn.Module) -> list[dict[str, object]]:
    """Two, of different learning rates."""
    return [{"params": list(module[0].parameters()), "lr": 0.05}, {"params": list(module[2].parameters())}]


def gradients(module: nn.Module, step: int) -> None:
    torch.manual_seed(step)
    module.zero_grad()
    module(torch.randn(4, 5)).square().sum().backward()


def same(one: torch.optim.Optimizer, other: torch.optim.Optimizer) -> bool:
    states = [list(optimizer.state_dict()["state"].values()) for optimizer in (one, other)]
    return all(torch.equal(a[key], b[key]) for a, b in zip(*states, strict=True) for key in a)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_it_makes_the_same_steps_to_the_last_bit(make):
    modules = [network(), network()]
    optimizers = [make(groups(module)) for module in modules]
    assert fits(optimizers[1])
    quick = FusedAdam(optimizers[1], optimizers[1].step)
    for step in range(9):
        for module in modules:
            gradients(module, step)
        if step == 3:  # as a schedule does
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = 0.002
        if step == 5:  # a layer that had no part in it
            for module in modules:
                module[2].bias.grad = None
        if step == 7:  # as after a look back
            for optimizer in optimizers:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        optimizers[0].step()
        quick()
        assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in modules), strict=True)), step
    assert same(*optimizers)
    assert {float(state["step"]) for state in optimizers[1].state.values()} == {8.0, 9.0}


def test_its_own_step_is_asked_only_where_it_has_to_be():
    module = network()
    optimizer = torch.optim.Adam(groups(module), fused=True)
    asked = []
    quick = FusedAdam(optimizer, lambda: asked.append(step) or optimizer.step())
    for step in range(4):
        gradients(module, step)
        quick()
    assert asked == [0]
    module.zero_grad()
    quick()
    assert asked == [0, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda groups: torch.optim.Adam(groups),
        lambda groups: torch.optim.Adam(groups, fused=True, amsgrad=True),
        lambda groups: torch.optim.Adam(groups, fused=True, maximize=True),
        lambda groups: type("Own", (torch.optim.Adam,), {})(groups, fused=True),
    ],
)
def test_others_are_left_to_torch(make):
    assert not fits(make(groups(network())))


def test_doubles_are_left_to_torch():
    assert not fits(torch.optim.Adam(network().double().parameters(), fused=True))
