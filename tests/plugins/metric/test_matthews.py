from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.matthews import Matthews

RNG = np.random.default_rng(0)
BINARY = TargetSpec("binary", ("y",), ("no", "yes"))
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c", "d"))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"))

P2, Y2 = RNG.random(90).round(1), RNG.integers(0, 2, 90)
P4, Y4 = RNG.dirichlet(np.ones(4), 90), RNG.integers(0, 4, 90)
PL, YL = RNG.random((90, 3)).round(1), RNG.integers(0, 2, (90, 3))


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = Matthews.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    assert measure(BINARY, P2, Y2) == pytest.approx(reference.matthews_corrcoef(Y2, P2 > 0.5), rel=1e-9)
    assert measure(CLASSES, P4, Y4) == pytest.approx(reference.matthews_corrcoef(Y4, P4.argmax(1)), rel=1e-9)


def test_right_wrong_and_one_class() -> None:
    assert measure(BINARY, Y2.astype(float), Y2) == pytest.approx(1, rel=1e-12)
    assert measure(BINARY, 1.0 - Y2, Y2) == pytest.approx(-1, rel=1e-12)
    assert measure(BINARY, np.zeros(90), Y2) == 0
    assert measure(BINARY, P2, np.ones_like(Y2)) == 0


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Matthews.model_validate({"threshold": 0.4})
