from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.brier import Brier

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = Brier.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    assert measure(BINARY, P2, Y2) == pytest.approx(reference.brier_score_loss(Y2, P2), rel=1e-12)
    expected = reference.brier_score_loss(Y4, P4, labels=[0, 1, 2, 3])
    assert measure(CLASSES, P4, Y4) == pytest.approx(expected, rel=1e-9)
    expected = np.mean([reference.brier_score_loss(YL[:, i], PL[:, i]) for i in range(3)])
    assert measure(LABELS, PL, YL) == pytest.approx(expected, rel=1e-12)


def test_right_wrong_and_undecided() -> None:
    assert measure(CLASSES, np.eye(4)[Y4], Y4) == 0
    assert measure(CLASSES, np.eye(4)[(Y4 + 1) % 4], Y4) == 2
    assert measure(BINARY, np.full(90, 0.5), Y2) == 0.25


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Brier.model_validate({"threshold": 0.4})
