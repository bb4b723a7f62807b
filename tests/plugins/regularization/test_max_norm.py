from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.regularization.max_norm import MaxNorm


def train(model: nn.Module, plugin: MaxNorm | None) -> nn.Module:
    torch.manual_seed(0)
    optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.5)
    if plugin is not None:
        model, optimizer = plugin.rewrite(model), plugin.wrap_optimizer(optimizer)
    x, y = torch.randn(50, 3), 20 * torch.randn(50, 2)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    return model


def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(3, 2)


def test_every_unit_stays_within_the_limit_and_one_reaches_it() -> None:
    free, held = train(linear(), None), train(linear(), MaxNorm(max=0.5))
    assert free.get_parameter("weight").norm(dim=1).max() > 1
    norms = held.get_parameter("weight").detach().norm(dim=1)
    assert (norms <= 0.5 + 1e-6).all()
    assert norms.max().item() == pytest.approx(0.5, rel=1e-5)
    assert held.get_parameter("bias").norm() > 0.5


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    assert torch.equal(
        train(linear(), None).get_parameter("weight"), train(linear(), MaxNorm(max=1e6)).get_parameter("weight")
    )


def test_keeps_the_direction_and_small_weights() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 4.0], [0.3, 0.4]]))
    MaxNorm(max=1.0).rewrite(model)
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


def test_the_units_of_a_kernel_are_its_channels() -> None:
    model = nn.Conv2d(2, 3, 3)
    MaxNorm(max=0.1).rewrite(model)
    torch.testing.assert_close(model.weight.detach().flatten(1).norm(dim=1), torch.full((3,), 0.1))


def test_says_that_there_is_nothing_to_act_on() -> None:
    with pytest.raises(RecipeError, match="'max_norm' found nothing to act on"):
        MaxNorm().rewrite(nn.ReLU())


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        MaxNorm(max=0.0)
