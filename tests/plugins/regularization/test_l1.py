from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.regularization.l1 import L1


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [model.get_parameter(name) for name in ("0.weight", "3.weight")]


def test_equals_the_formula() -> None:
    model = network()
    value = L1(weight=0.3).penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(0.3 * sum(w.abs().sum().item() for w in weights(model)), rel=1e-6)
    value.backward()
    for w in weights(model):
        torch.testing.assert_close(w.grad, 0.3 * w.detach().sign())
    assert model.get_parameter("0.bias").grad is None
    assert model.get_parameter("1.weight").grad is None


def test_takes_every_parameter_if_told() -> None:
    model = network()
    value = L1(weight=0.3, parameters="all").penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(0.3 * sum(p.abs().sum().item() for p in model.parameters()), rel=1e-6)


def test_leaves_frozen_weights_out() -> None:
    model = network()
    frozen, free = weights(model)
    frozen.requires_grad_(False)
    value = L1(weight=1.0).penalty(model)
    assert value is not None
    assert value.item() == pytest.approx(free.abs().sum().item(), rel=1e-6)


def test_follows_the_weights() -> None:
    model = network()
    before = L1().penalty(model)
    with torch.no_grad():
        for w in weights(model):
            w.mul_(2)
    after = L1().penalty(model)
    assert before is not None
    assert after is not None
    assert after.item() == pytest.approx(2 * before.item(), rel=1e-6)


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
        penalty = L1(weight=weight).penalty(model)
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()
    return model.weight.detach()[0]


def test_weights_grow_sparser_with_it() -> None:
    free, held = slopes(0.0), slopes(0.5)
    assert (free.abs() > 0.03).sum() > 3
    assert (held[2:].abs() < 0.03).all()  # a gradient step hops around zero; proximal_gradient ends on it
    assert (held[:2].abs() > 0.5).all()


def test_vanishes_at_weight_zero() -> None:
    assert L1(weight=0.0).penalty(network()) is None


def test_leaves_the_network_as_it_is() -> None:
    model = network()
    assert L1().rewrite(model) is model


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_its_proximal_form_makes_penalty_and_distance_least(step: float) -> None:
    model = network()
    terms = L1(weight=0.5).proximal(model)
    assert [id(term.parameter) for term in terms] == [id(p) for p in model.parameters() if p.ndim > 1]
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    penalty = 0.5 * grid.abs()
    for value in (-3.0, -0.2, 0.0, 0.3, 2.0):
        best = grid[(penalty + (grid - value).square() / (2 * step)).argmin()].item()
        found = terms[0].shrink(torch.tensor([value], dtype=torch.float64), step)
        assert found.item() == pytest.approx(best, abs=1e-4)


def test_has_no_proximal_form_at_weight_zero() -> None:
    assert L1(weight=0.0).proximal(network()) == []


@pytest.mark.parametrize("parameters", ["weights", "all"])
def test_says_that_there_is_nothing_to_act_on(parameters: Any) -> None:
    with pytest.raises(RecipeError, match="'l1' found nothing to act on: the network has no trainable"):
        L1(parameters=parameters).rewrite(nn.Sequential(nn.ReLU()))


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
        L1.model_validate(settings)
