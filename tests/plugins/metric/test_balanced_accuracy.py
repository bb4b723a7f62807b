from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.balanced_accuracy import BalancedAccuracy

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = BalancedAccuracy.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    assert measure(BINARY, P2, Y2) == pytest.approx(reference.balanced_accuracy_score(Y2, P2 > 0.5), rel=1e-12)
    assert measure(CLASSES, P4, Y4) == pytest.approx(reference.balanced_accuracy_score(Y4, P4.argmax(1)), rel=1e-12)


def test_leaves_out_a_class_without_rows() -> None:
    truth = Y4 % 3
    recalls = [(P4.argmax(1) == k)[truth == k].mean() for k in range(3)]
    assert measure(CLASSES, P4, truth) == pytest.approx(np.mean(recalls), rel=1e-12)
    assert measure(BINARY, P2, np.zeros_like(Y2)) == pytest.approx((P2 <= 0.5).mean(), rel=1e-12)


def test_always_naming_the_largest_class_is_guessing() -> None:
    truth = np.array([0] * 80 + [1] * 6 + [2] * 3 + [3])
    assert measure(CLASSES, np.eye(4)[np.zeros(90, int)], truth) == 0.25


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        BalancedAccuracy.model_validate({"threshold": 0.4})
