from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import log_loss

from recipeline import END, PADDING, SIGNS, UNKNOWN, RecipeError, TargetSpec
from recipeline_plugins.loss.class_weights import balanced
from recipeline_plugins.loss.cross_entropy import CrossEntropy

TARGET = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (10, 30, 60))
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 3)) * 2
Y = RNG.integers(0, 3, size=50)
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))


def loss(target: TargetSpec = TARGET, **settings: Any) -> float:
    function: Any = CrossEntropy.model_validate(settings).build(target).double()
    return float(function(torch.tensor(LOGITS), torch.tensor(Y)))


def test_equals_scikit_learn() -> None:
    assert loss() == pytest.approx(log_loss(Y, np.exp(LOG_P)), rel=1e-12)


def test_equals_the_formula_with_smoothing() -> None:
    smooth = np.full((50, 3), 0.2 / 3)
    smooth[np.arange(50), Y] += 0.8
    assert loss(label_smoothing=0.2) == pytest.approx(-(smooth * LOG_P).sum(axis=1).mean(), rel=1e-12)


@pytest.mark.parametrize("weights", [[0.5, 1.0, 4.0], {"a": 0.5, "c": 4}])
def test_equals_the_formula_with_weights(weights: Any) -> None:
    w = np.array([0.5, 1.0, 4.0])[Y]
    expected = -(w * LOG_P[np.arange(50), Y]).sum() / w.sum()
    assert loss(class_weights=weights) == pytest.approx(expected, rel=1e-7)


def test_balanced_weights_come_from_the_train_rows() -> None:
    assert loss(class_weights="balanced") == pytest.approx(loss(class_weights=balanced((10, 30, 60))), rel=1e-12)


@pytest.mark.parametrize("settings", [{}, {"class_weights": [0.5, 1.0, 4.0], "label_smoothing": 0.2}])
def test_whole_shares_are_classes(settings: dict[str, Any]) -> None:
    function: Any = CrossEntropy.model_validate(settings).build(TARGET).double()
    shares = torch.nn.functional.one_hot(torch.tensor(Y), 3).double()
    assert function(torch.tensor(LOGITS), shares).item() == pytest.approx(loss(**settings), rel=1e-12)


def test_shares_equal_the_formula() -> None:
    shares = RNG.dirichlet([1.0, 1.0, 1.0], size=50)
    w = np.array([0.5, 1.0, 4.0])
    function: Any = CrossEntropy(class_weights=[0.5, 1.0, 4.0]).build(TARGET)
    expected = -(shares * w * LOG_P).sum() / (shares * w).sum()
    assert function(torch.tensor(LOGITS), torch.tensor(shares)).item() == pytest.approx(expected, rel=1e-6)


def test_equal_weights_and_no_smoothing_change_nothing() -> None:
    even = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (20, 20, 20))
    for settings in ({"class_weights": [2.0, 2.0, 2.0]}, {"class_weights": {}}, {"label_smoothing": 0.0}):
        assert loss(**settings) == pytest.approx(loss(), rel=1e-12)
    assert loss(even, class_weights="balanced") == pytest.approx(loss(), rel=1e-12)


@pytest.mark.parametrize(("classes", "key"), [((False, True), True), ((0, 1), 1), (("no", "yes"), "yes")])
def test_classes_are_named_as_in_the_source(classes: tuple[Any, Any], key: Any) -> None:
    target = TargetSpec("binary", ("y",), classes, (5, 5))
    function: Any = CrossEntropy.model_validate({"class_weights": {key: 3.0}}).build(target)
    assert function.weight.tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0, 2.0], r"one for each of the 3 classes \(found 2\)\. The classes in order are: a, b, c\."),
        ({"d": 2.0}, r"no such class \(found 'd'\)\. The classes are: a, b, c\."),
    ],
)
def test_weights_must_fit_the_classes(weights: Any, words: str) -> None:
    with pytest.raises(RecipeError, match=r"loss.class_weights: .*" + words):
        CrossEntropy.model_validate({"class_weights": weights}).build(TARGET)


@pytest.mark.parametrize(("counts", "found"), [((10, 0, 5), "b without any"), ((), "no counts")])
def test_balanced_needs_rows_of_every_class(counts: tuple[int, ...], found: str) -> None:
    with pytest.raises(RecipeError, match=f"need train rows of every class \\(found {found}\\)"):
        CrossEntropy(class_weights="balanced").build(TargetSpec("multiclass", ("y",), ("a", "b", "c"), counts))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"class_weights": "equal"}, "'balanced'"),
        ({"class_weights": [1.0, 0.0]}, "greater than 0"),
        ({"class_weights": {"a": -1.0}}, "greater than 0"),
        ({"beta": 0.9}, "beta is read only with class_weights: effective_number"),
        ({"class_weights": "effective_number", "beta": -0.1}, "greater than or equal to 0"),
        ({"label_smoothing": 1.0}, "less than 1"),
        ({"label_smoothing": -0.1}, "greater than or equal to 0"),
        ({"label_smoothing": "0.1"}, "valid number"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CrossEntropy.model_validate(settings)


SEQUENCE = TargetSpec("sequence", ("y",), (*SIGNS, "a", "b", "c"), longest=4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_of_sequences_it_is_the_mean_over_the_tokens_that_count(smoothing: float) -> None:
    logits = RNG.normal(size=(2, 4, 7))
    codes = np.array([[4, UNKNOWN, 6, END], [5, END, PADDING, PADDING]])
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    counting = [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1)]
    losses = [
        -((1 - smoothing) * log_p[row, step, codes[row, step]] + smoothing * log_p[row, step].mean())
        for row, step in counting
    ]
    function = CrossEntropy(label_smoothing=smoothing).build(SEQUENCE)
    found = torch.tensor(logits, requires_grad=True)
    value = function(found, torch.tensor(codes))
    assert value.item() == pytest.approx(np.mean(losses), rel=1e-12)
    (slope,) = torch.autograd.grad(value, found)
    assert {(row, step) for row, step in slope.abs().sum(dim=2).nonzero().tolist()} == set(counting)


def test_a_batch_in_which_nothing_counts_costs_nothing() -> None:
    logits = torch.randn(1, 2, 7, requires_grad=True)
    assert CrossEntropy().build(SEQUENCE)(logits, torch.tensor([[UNKNOWN, PADDING]])).item() == 0.0
