from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.optimizer.proximal_gradient import ProximalGradient
from recipeline_plugins.regularization.group_lasso import GroupLasso


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


@pytest.mark.parametrize(("groups", "axis"), [("outgoing", 0), ("incoming", 1)])
def test_equals_the_formula(groups: Any, axis: int) -> None:
    model = network()
    value = GroupLasso(weight=0.3, groups=groups).penalty(model)
    assert value is not None
    matrices = [model.get_parameter(name).detach().numpy() for name in ("0.weight", "2.weight")]
    expected = 0.3 * sum(np.sqrt(w.shape[axis]) * np.linalg.norm(w, axis=axis).sum() for w in matrices)
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_a_group_of_zeros_has_a_finite_gradient() -> None:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight[:, 0] = 0
    value = GroupLasso(weight=1.0).penalty(model)
    assert value is not None
    value.backward()
    assert model.weight.grad is not None
    assert model.weight.grad.isfinite().all()
    assert not model.weight.grad[:, 0].any()


def test_the_shrinking_is_the_minimum_that_it_stands_for() -> None:
    w = torch.randn(4, 3, dtype=torch.float64)
    plugin = GroupLasso(weight=0.2)
    (proximal,) = plugin.proximal(nn.Linear(3, 4))
    best = proximal.shrink(w, 0.7)

    def objective(v: torch.Tensor) -> float:
        penalty = 0.2 * 2 * v.norm(dim=0).sum()
        return float(penalty + (v - w).square().sum() / 1.4)

    for _ in range(200):
        assert objective(best) <= objective(best + 0.02 * torch.randn_like(best))


def test_useless_features_end_at_exactly_zero() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = torch.stack([x[:, 0] - x[:, 1], 2 * x[:, 1]], dim=1) + 0.1 * torch.randn(200, 2)
    model = nn.Linear(6, 2)
    plugin = GroupLasso(weight=0.1)
    optimizer = ProximalGradient(lr=0.2).build(list(model.parameters()))
    assert ProximalGradient(lr=0.2).take_over(optimizer, plugin.proximal(model))

    def closure() -> float:
        with torch.enable_grad():
            optimizer.zero_grad()
            value = nn.functional.mse_loss(model(x), y)
            torch.autograd.backward(value)
        return value.item()

    for _ in range(200):
        optimizer.step(closure)
    norms = model.weight.detach().norm(dim=0)
    assert (norms[:2] > 0.3).all()
    assert torch.equal(norms[2:], torch.zeros(4))


def test_a_weight_of_zero_is_nothing() -> None:
    assert GroupLasso(weight=0.0).penalty(network()) is None
    assert GroupLasso(weight=0.0).proximal(network()) == []


def test_says_that_there_is_nothing_to_act_on() -> None:
    with pytest.raises(RecipeError, match="'group_lasso' found nothing to act on"):
        GroupLasso().rewrite(nn.ReLU())


@pytest.mark.parametrize(
    ("settings", "words"), [({"weight": -1.0}, "greater than or equal to 0"), ({"groups": "all"}, "'incoming'")]
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GroupLasso.model_validate(settings)
