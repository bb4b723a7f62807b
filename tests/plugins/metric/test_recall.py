from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.recall import Recall

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = Recall.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_is_that_of_the_second_of_two_classes() -> None:
    assert measure(BINARY, P2, Y2) == pytest.approx(reference.recall_score(Y2, P2 > 0.5), rel=1e-12)


@pytest.mark.parametrize("average", [None, "macro", "micro", "weighted"])
def test_equals_scikit_learn(average: Any) -> None:
    way = average or "macro"
    expected = reference.recall_score(Y4, P4.argmax(1), average=way)
    assert measure(CLASSES, P4, Y4, average=average) == pytest.approx(expected, rel=1e-12)
    expected = reference.recall_score(YL, PL > 0.5, average=way)
    assert measure(LABELS, PL, YL, average=average) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_averages_two_classes_if_told(average: Any) -> None:
    expected = reference.recall_score(Y2, P2 > 0.5, average=average)
    assert measure(BINARY, P2, Y2, average=average) == pytest.approx(expected, rel=1e-12)


def test_leaves_out_a_class_that_is_neither_there_nor_predicted() -> None:
    truth = Y4 % 3
    prediction = np.delete(P4, 3, axis=1).argmax(1)
    expected = reference.recall_score(truth, prediction, average="macro")
    assert measure(CLASSES, np.eye(4)[prediction], truth) == pytest.approx(expected, rel=1e-12)


def test_a_part_with_one_class_has_a_value() -> None:
    assert measure(BINARY, P2, np.zeros_like(Y2)) == 0
    assert measure(BINARY, np.zeros(5), np.zeros(5, int)) == 0
    assert measure(CLASSES, np.eye(4)[[2, 2]], np.array([2, 2])) == 1
    assert measure(LABELS, np.zeros((4, 3)), np.zeros((4, 3))) == 0


def test_all_right() -> None:
    assert measure(CLASSES, np.eye(4)[Y4], Y4) == 1
    assert measure(BINARY, Y2.astype(float), Y2) == 1


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="'macro', 'micro' or 'weighted'"):
        Recall.model_validate({"average": "samples"})
