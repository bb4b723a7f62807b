from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import RecipeError, TargetSpec
from recipeline_plugins.loss.weighted_sum import WeightedSum

TWO = TargetSpec("regression", ("y", "z"))
LABELS = TargetSpec("multilabel", ("p", "q"), ("p", "q"), (20, 20))
RNG = np.random.default_rng(0)
P, Y = RNG.normal(size=(2, 30, 2))


def loss(target: TargetSpec = TWO, **settings: Any) -> Any:
    return WeightedSum.model_validate(settings).build(target)


@pytest.mark.parametrize("weights", [[2.0, 0.5], {"y": 2.0, "z": 0.5}])
def test_equals_the_formula_with_given_weights(weights: Any) -> None:
    expected = 2.0 * np.mean((P - Y)[:, 0] ** 2) + 0.5 * np.mean((P - Y)[:, 1] ** 2)
    assert loss(weights=weights)(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-12)


def test_weights_of_one_half_are_the_mean_squared_error() -> None:
    expected = np.mean((P - Y) ** 2)
    assert loss(weights=[0.5, 0.5])(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-12)
    assert loss(weights={"z": 1.0})(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(2 * expected, rel=1e-12)


def test_equals_the_papers_formula_with_learnt_weights() -> None:
    function = loss(weights="learned", of={"type": "mae"}).double()
    s = np.array([0.7, -1.2])
    with torch.no_grad():
        function.log_noise.copy_(torch.tensor(s))
    each = np.abs(P - Y).mean(axis=0)
    expected = (np.exp(-s) * each + s).sum() / 2
    assert function(torch.tensor(P), torch.tensor(Y)).item() == pytest.approx(expected, rel=1e-12)


def test_learnt_weights_find_the_noise_of_each_target() -> None:
    y = torch.tensor(RNG.normal(size=(4000, 2)) * [0.2, 3.0])
    function = loss(weights="learned").double()
    optimizer = torch.optim.Adam(function.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        function(torch.zeros_like(y), y).backward()
        optimizer.step()
    noise = function.log_noise.detach().exp().sqrt()
    np.testing.assert_allclose(noise.numpy(), y.square().mean(dim=0).sqrt().numpy(), rtol=0.01)


def test_each_target_may_have_several_outputs() -> None:
    plugin = WeightedSum.model_validate({"of": "gaussian_nll"})
    assert plugin.outputs(TWO) == 4
    outputs = torch.tensor([[1.0, 0.0, 2.0, 0.0]])
    assert plugin.link(outputs, TWO).tolist() == [[1.0, 2.0]]
    assert plugin.build(TWO)(outputs, torch.tensor([[1.0, 2.0]])).item() == pytest.approx(np.log(2 * np.pi), rel=1e-5)


def test_labels_take_their_usual_loss() -> None:
    labels = torch.tensor(RNG.integers(0, 2, (30, 2)), dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(P), labels)
    assert loss(LABELS, weights=[0.5, 0.5])(torch.tensor(P), labels).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0], r"one for each of the 2 targets \(found 1\)\. The targets in order are: y, z\."),
        ({"x": 1.0}, r"no such target \(found 'x'\)\. The targets are: y, z\."),
    ],
)
def test_weights_must_fit_the_targets(weights: Any, words: str) -> None:
    with pytest.raises(RecipeError, match=r"loss.weights: .*" + words):
        loss(weights=weights)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "balanced"}, "'learned'"),
        ({"weights": [0.0, 1.0]}, "greater than 0"),
        ({"of": "msee"}, "no loss is named 'msee'"),
        ({"of": {"type": "huber", "delta": 0.0}}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WeightedSum.model_validate(settings)
