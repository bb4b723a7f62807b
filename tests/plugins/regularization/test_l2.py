from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.regularization.l2 import L2


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [model.get_parameter(name) for name in ("0.weight", "3.weight")]


def test_equals_the_formula() -> None:
    model = network()
    value = L2(weight=0.3).penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(0.3 * sum(w.square().sum().item() for w in weights(model)), rel=1e-6)
    value.backward()
    for w in weights(model):
        torch.testing.assert_close(w.grad, 0.6 * w.detach())
    assert model.get_parameter("0.bias").grad is None
    assert model.get_parameter("1.weight").grad is None


def test_has_the_gradient_of_an_optimizers_weight_decay() -> None:
    penalized, decayed = network(), network()
    value = L2(weight=0.05, parameters="all").penalty(penalized)
    assert value is not None
    value.backward()
    for p in decayed.parameters():
        p.grad = torch.zeros_like(p)
    torch.optim.SGD(penalized.parameters(), lr=0.1).step()
    torch.optim.SGD(decayed.parameters(), lr=0.1, weight_decay=0.1).step()
    for ours, theirs in zip(penalized.parameters(), decayed.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_takes_every_parameter_if_told() -> None:
    model = network()
    value = L2(weight=0.3, parameters="all").penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(0.3 * sum(p.square().sum().item() for p in model.parameters()), rel=1e-6)


def test_leaves_frozen_weights_out() -> None:
    model = network()
    frozen, free = weights(model)
    frozen.requires_grad_(False)
    value = L2(weight=1.0).penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(free.square().sum().item(), rel=1e-6)


def test_follows_the_weights() -> None:
    model = network()
    before = L2().penalty(model)
    with torch.no_grad():
        for w in weights(model):
            w.mul_(2)
    after = L2().penalty(model)
    assert before is not None
    assert after is not None
    assert after.item() == pytest.approx(4 * before.item(), rel=1e-6)


def slopes(weight: float) -> torch.Tensor:
    """The weights that gradient descent finds on noisy data, where four of six inputs are useless."""
    torch.manual_seed(0)
    x = torch.randn(80, 6)
    y = (2 * x[:, 0] - x[:, 1] + 2 * torch.randn(80))[:, None]
    model = nn.Linear(6, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        penalty = L2(weight=weight).penalty(model)
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()
    return model.weight.detach()[0]


def test_the_norm_shrinks_with_it_and_nothing_is_left_out() -> None:
    norms = [slopes(weight).norm().item() for weight in (0.0, 0.1, 1.0, 10.0)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 0.2 * norms[0]
    assert (slopes(10.0) != 0).all()


def test_vanishes_at_weight_zero() -> None:
    assert L2(weight=0.0).penalty(network()) is None


def test_leaves_the_network_as_it_is() -> None:
    model = network()
    assert L2().rewrite(model) is model


@pytest.mark.parametrize("parameters", ["weights", "all"])
def test_says_that_there_is_nothing_to_act_on(parameters: Any) -> None:
    with pytest.raises(RecipeError, match="'l2' found nothing to act on: the network has no trainable"):
        L2(parameters=parameters).rewrite(nn.Sequential(nn.ReLU()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weight": -0.1}, "greater than or equal to 0"),
        ({"weight": "0.1"}, "valid number"),
        ({"weight": float("inf")}, "finite number"),
        ({"parameters": "biases"}, "'weights' or 'all'"),
        ({"wieght": 0.1}, "Extra inputs are not permitted"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        L2.model_validate(settings)
