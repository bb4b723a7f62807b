from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import expit, softmax

from recipeline import RecipeError, TargetSpec
from recipeline_plugins.loss.class_weights import effective_number
from recipeline_plugins.loss.cross_entropy import CrossEntropy
from recipeline_plugins.loss.focal import Focal

TARGET = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (10, 30, 60))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"), (9, 9, 22))
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(40, 3)) * 2
Y = RNG.integers(0, 3, 40)


def loss(target: TargetSpec = TARGET, **settings: Any) -> Any:
    return Focal.model_validate(settings).build(target)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_equals_the_papers_formula(gamma: float) -> None:
    p = softmax(Z, axis=1)[np.arange(40), Y]
    w = np.array([0.5, 1.0, 4.0])[Y]
    expected = (w * (1 - p) ** gamma * -np.log(p)).sum() / w.sum()
    value = loss(gamma=gamma, class_weights=[0.5, 1.0, 4.0])(torch.tensor(Z), torch.tensor(Y)).item()
    assert value == pytest.approx(expected, rel=1e-10)


def test_two_classes_are_the_papers_sigmoid() -> None:
    target = TargetSpec("binary", ("y",), ("no", "yes"), (20, 20))
    y = Y % 2
    p = expit(Z[:, 1] - Z[:, 0])
    p_t = np.where(y == 1, p, 1 - p)
    value = loss(target)(torch.tensor(Z[:, :2]), torch.tensor(y)).item()
    assert value == pytest.approx(((1 - p_t) ** 2 * -np.log(p_t)).mean(), rel=1e-10)


def test_labels_are_the_papers_sigmoid() -> None:
    y = RNG.integers(0, 2, (40, 3))
    p_t = np.where(y == 1, expit(Z), 1 - expit(Z))
    value = loss(LABELS, gamma=1.5)(torch.tensor(Z), torch.tensor(y, dtype=torch.float64)).item()
    assert value == pytest.approx(((1 - p_t) ** 1.5 * -np.log(p_t)).mean(), rel=1e-10)


def test_without_focus_it_is_cross_entropy() -> None:
    for settings in ({}, {"class_weights": "balanced"}):
        expected = CrossEntropy.model_validate(settings).build(TARGET)
        shares = torch.tensor(RNG.dirichlet([1.0] * 3, size=40))
        for target in (torch.tensor(Y), shares):
            value = loss(gamma=0.0, **settings)(torch.tensor(Z).float(), target if target.ndim == 1 else shares.float())
            reference = expected(torch.tensor(Z).float(), target if target.ndim == 1 else shares.float())
            torch.testing.assert_close(value, reference)


def test_rows_that_are_right_hardly_count() -> None:
    z = torch.tensor([[np.log(9.0), 0.0]])  # p = 0.9
    target = TargetSpec("binary", ("y",), ("no", "yes"), (20, 20))
    ratio = loss(target)(z, torch.tensor([0])) / CrossEntropy().build(target)(z, torch.tensor([0]))
    assert ratio.item() == pytest.approx(0.01, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_are_right_and_finite_at_the_ends(gamma: float) -> None:
    z = torch.tensor(Z, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(gamma=gamma)(x, torch.tensor(Y)), (z,))
    for far in (200.0, -200.0):
        end = torch.tensor([[far, 0.0, 0.0]], requires_grad=True)
        (slope,) = torch.autograd.grad(loss(gamma=gamma)(end, torch.tensor([0])), end)
        assert slope.isfinite().all()


def test_takes_effective_numbers() -> None:
    by_hand = loss(class_weights=effective_number((10, 30, 60), 0.9))
    value = loss(class_weights="effective_number", beta=0.9)(torch.tensor(Z), torch.tensor(Y))
    torch.testing.assert_close(value, by_hand(torch.tensor(Z), torch.tensor(Y)))


def test_labels_have_no_class_weights() -> None:
    with pytest.raises(RecipeError, match=r"loss.class_weights: labels .* have no class weights\. Remove it, or take"):
        loss(LABELS, class_weights="balanced")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gamma": -1.0}, "greater than or equal to 0"),
        ({"gamma": "2"}, "valid number"),
        ({"class_weights": "equal"}, "'balanced'"),
        ({"class_weights": [1.0, 0.0]}, "greater than 0"),
        ({"beta": 0.9}, "beta is read only with class_weights: effective_number"),
        ({"alpha": 0.25}, "Extra inputs"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Focal.model_validate(settings)
