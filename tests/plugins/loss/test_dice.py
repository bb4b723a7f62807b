from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import expit, softmax
from sklearn.metrics import f1_score

from recipeline import TargetSpec
from recipeline_plugins.loss.dice import Dice

RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(40, 3)) * 2, RNG.integers(0, 3, 40)
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 22))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"), (9, 9, 22))


def by_hand(p: Any, q: Any, smooth: float) -> float:
    return float(1 - ((2 * (p * q).sum(0) + smooth) / (p.sum(0) + q.sum(0) + smooth)).mean())


@pytest.mark.parametrize("smooth", [0.1, 1.0])
def test_equals_the_formula(smooth: float) -> None:
    value = Dice(smooth=smooth).build(CLASSES)(torch.tensor(Z), torch.tensor(Y)).item()
    assert value == pytest.approx(by_hand(softmax(Z, axis=1), np.eye(3)[Y], smooth), rel=1e-12)


def test_equals_the_formula_for_labels_and_shares() -> None:
    q = RNG.integers(0, 2, (40, 3)).astype(float)
    assert Dice().build(LABELS)(torch.tensor(Z), torch.tensor(q)).item() == pytest.approx(by_hand(expit(Z), q, 1.0))
    shares = RNG.dirichlet([1.0] * 3, size=40)
    value = Dice().build(CLASSES)(torch.tensor(Z), torch.tensor(shares)).item()
    assert value == pytest.approx(by_hand(softmax(Z, axis=1), shares, 1.0))


def test_of_certain_answers_it_is_one_less_macro_f1() -> None:
    certain = torch.tensor(np.eye(3)[Z.argmax(axis=1)] * 1e4)
    value = Dice(smooth=1e-12).build(CLASSES)(certain, torch.tensor(Y)).item()
    assert value == pytest.approx(1 - f1_score(Y, Z.argmax(axis=1), average="macro"), rel=1e-9)


def test_its_gradient_is_right() -> None:
    z = torch.tensor(Z, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Dice().build(CLASSES)(x, torch.tensor(Y)), (z,))


@pytest.mark.parametrize(("smooth", "words"), [(0.0, "greater than 0"), ("1", "valid number")])
def test_refuses(smooth: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Dice.model_validate({"smooth": smooth})
