from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.average_precision import AveragePrecision

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = AveragePrecision.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn_ties_included() -> None:
    assert len(set(P2)) < 20
    assert measure(BINARY, P2, Y2) == pytest.approx(reference.average_precision_score(Y2, P2), rel=1e-12)
    assert measure(CLASSES, P4, Y4) == pytest.approx(reference.average_precision_score(Y4, P4), rel=1e-12)
    assert measure(LABELS, PL, YL) == pytest.approx(reference.average_precision_score(YL, PL), rel=1e-12)


def test_all_right_and_all_equal() -> None:
    assert measure(BINARY, Y2.astype(float), Y2) == 1
    assert measure(BINARY, np.full(90, 0.3), Y2) == pytest.approx(Y2.mean(), rel=1e-12)


@pytest.mark.parametrize(("only", "value"), [(0, 0.0), (1, 1.0)])
def test_a_part_with_one_class_has_a_value(only: int, value: float) -> None:
    assert measure(BINARY, P2, np.full_like(Y2, only)) == value


def test_leaves_out_a_class_that_no_row_has() -> None:
    truth = Y4 % 3
    expected = np.mean([reference.average_precision_score(truth == k, P4[:, k]) for k in range(3)])
    assert measure(CLASSES, P4, truth) == pytest.approx(expected, rel=1e-12)


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        AveragePrecision.model_validate({"threshold": 0.4})
