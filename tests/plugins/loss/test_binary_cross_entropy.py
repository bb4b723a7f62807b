from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import log_loss

from recipeline import RecipeError, TargetSpec
from recipeline_plugins.loss.binary_cross_entropy import BinaryCrossEntropy
from recipeline_plugins.loss.cross_entropy import CrossEntropy

BINARY = TargetSpec("binary", ("y",), ("no", "yes"), (30, 20))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))
RNG = np.random.default_rng(0)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def test_equals_cross_entropy_for_two_classes() -> None:
    logits = torch.tensor(RNG.normal(size=(40, 2)) * 3, requires_grad=True)
    y = torch.tensor(RNG.integers(0, 2, 40))
    ours, theirs = BinaryCrossEntropy().build(BINARY)(logits, y), CrossEntropy().build(BINARY)(logits, y)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    (slope,), (expected,) = torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(slope, expected)


def test_equals_scikit_learn_for_labels() -> None:
    z, y = RNG.normal(size=(40, 3)), RNG.integers(0, 2, (40, 3))
    value = BinaryCrossEntropy().build(LABELS)(torch.tensor(z), torch.tensor(y).float())
    expected = np.mean([log_loss(y[:, i], sigmoid(z[:, i])) for i in range(3)])
    assert value.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("weight", [3.0, [1.0, 2.0, 5.0]])
def test_equals_the_formula_with_weights(weight: Any) -> None:
    z, y = RNG.normal(size=(40, 3)), RNG.integers(0, 2, (40, 3))
    expected = -(np.array(weight) * y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z))).mean()
    value = BinaryCrossEntropy.model_validate({"pos_weight": weight}).build(LABELS)(torch.tensor(z), torch.tensor(y))
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_a_weight_of_one_changes_nothing() -> None:
    logits, y = torch.randn(10, 2), torch.randint(0, 2, (10,))
    plain, weighted = BinaryCrossEntropy(), BinaryCrossEntropy(pos_weight=1.0)
    assert plain.build(BINARY)(logits, y).item() == pytest.approx(weighted.build(BINARY)(logits, y).item(), rel=1e-6)


def test_is_finite_where_the_model_is_certain_and_wrong() -> None:
    value = BinaryCrossEntropy().build(BINARY)(torch.tensor([[500.0, -500.0]]), torch.tensor([1]))
    assert value.item() == pytest.approx(1000)


@pytest.mark.parametrize(
    ("weight", "target", "words"),
    [
        ([2.0], BINARY, r"two classes take one pos_weight, not a list \(found 1 numbers\)"),
        ([2.0, 1.0], LABELS, r"one for each of the 3 labels \(found 2 numbers\)\. The labels in order are: p, q, r\."),
    ],
)
def test_weights_must_fit_the_labels(weight: Any, target: TargetSpec, words: str) -> None:
    with pytest.raises(RecipeError, match=r"loss.pos_weight: .*" + words):
        BinaryCrossEntropy(pos_weight=weight).build(target)


@pytest.mark.parametrize("weight", [0.0, -1.0, [1.0, 0.0], "2"])
def test_refuses(weight: Any) -> None:
    with pytest.raises(ValidationError, match=r"greater than 0|valid number"):
        BinaryCrossEntropy.model_validate({"pos_weight": weight})
