from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.log_loss import LogLoss

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = LogLoss.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    p = P2 * 0.9 + 0.05
    assert measure(BINARY, p, Y2) == pytest.approx(reference.log_loss(Y2, p), rel=1e-12)
    assert measure(CLASSES, P4, Y4) == pytest.approx(reference.log_loss(Y4, P4), rel=1e-9)
    labels = PL * 0.9 + 0.05
    expected = np.mean([reference.log_loss(YL[:, i], labels[:, i]) for i in range(3)])
    assert measure(LABELS, labels, YL) == pytest.approx(expected, rel=1e-12)


def test_equal_probabilities_cost_the_logarithm_of_the_number_of_classes() -> None:
    assert measure(CLASSES, np.full((90, 4), 0.25), Y4) == pytest.approx(np.log(4), rel=1e-12)


def test_certain_and_wrong_is_finite() -> None:
    expected = reference.log_loss([1], [0.0], labels=[0, 1])
    assert measure(BINARY, np.array([0.0]), np.array([1])) == pytest.approx(expected, rel=1e-6)
    assert measure(CLASSES, np.eye(4)[[0]], np.array([1])) == pytest.approx(-np.log(np.finfo(float).eps), rel=1e-12)
    assert measure(BINARY, np.array([1.0]), np.array([1])) == 0


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        LogLoss.model_validate({"threshold": 0.4})
