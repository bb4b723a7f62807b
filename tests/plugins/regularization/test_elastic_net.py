from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.regularization.elastic_net import ElasticNet
from recipeline_plugins.regularization.l1 import L1
from recipeline_plugins.regularization.l2 import L2


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def value(plugin: ElasticNet | L1 | L2) -> float:
    penalty = plugin.penalty(network())
    assert penalty is not None
    return penalty.item()


def test_equals_the_formula() -> None:
    expected = 0.3 * (0.2 * value(L1(weight=1.0)) + 0.8 * value(L2(weight=1.0)))
    assert value(ElasticNet(weight=0.3, ratio=0.2)) == pytest.approx(expected, rel=1e-6)


def test_is_l1_at_ratio_one_and_l2_at_ratio_zero() -> None:
    assert value(ElasticNet(weight=0.3, ratio=1.0)) == pytest.approx(value(L1(weight=0.3)), rel=1e-6)
    assert value(ElasticNet(weight=0.3, ratio=0.0)) == pytest.approx(value(L2(weight=0.3)), rel=1e-6)


def test_shares_the_weight_among_twins_and_leaves_the_useless_out() -> None:
    torch.manual_seed(0)
    x = torch.randn(80, 4, dtype=torch.float64)
    x[:, 1] = x[:, 0]
    y = 2 * x[:, :1] + 0.1 * torch.randn(80, 1, dtype=torch.float64)
    model = nn.Linear(4, 1, bias=False).double()
    plugin, optimizer = ElasticNet(weight=0.3, ratio=0.5), torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        penalty = plugin.penalty(model)
        assert penalty is not None
        (nn.functional.mse_loss(model(x), y) + penalty).backward()
        optimizer.step()
    one, other, *useless = model.weight.tolist()[0]
    assert one == pytest.approx(other, abs=0.01)  # l1 alone leaves them as unequal as they began
    assert one > 0.5
    assert max(map(abs, useless)) < 0.01


def test_vanishes_at_weight_zero() -> None:
    assert ElasticNet(weight=0.0).penalty(network()) is None


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_its_proximal_form_makes_penalty_and_distance_least(step: float) -> None:
    model = network()
    terms = ElasticNet(weight=0.5, ratio=0.25).proximal(model)
    assert [id(term.parameter) for term in terms] == [id(p) for p in model.parameters() if p.ndim > 1]
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    penalty = 0.5 * (0.25 * grid.abs() + 0.75 * grid.square())
    for value in (-3.0, -0.2, 0.0, 0.3, 2.0):
        best = grid[(penalty + (grid - value).square() / (2 * step)).argmin()].item()
        found = terms[0].shrink(torch.tensor([value], dtype=torch.float64), step)
        assert found.item() == pytest.approx(best, abs=1e-4)


def test_has_no_proximal_form_at_weight_zero() -> None:
    assert ElasticNet(weight=0.0).proximal(network()) == []


def test_says_that_there_is_nothing_to_act_on() -> None:
    with pytest.raises(RecipeError, match="'elastic_net' found nothing to act on"):
        ElasticNet().rewrite(nn.Identity())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ratio": 1.1}, "less than or equal to 1"),
        ({"ratio": -0.1}, "greater than or equal to 0"),
        ({"weight": -0.1}, "greater than or equal to 0"),
        ({"parameters": "biases"}, "'weights' or 'all'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ElasticNet.model_validate(settings)
