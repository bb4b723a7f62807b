from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.r2 import R2

RNG = np.random.default_rng(0)
ONE, TWO = TargetSpec("regression", ("y",)), TargetSpec("regression", ("y", "z"))
Y = RNG.normal(size=(90, 2)) * [1.0, 50.0] + [0.0, 2000.0]
P = Y + RNG.normal(size=(90, 2)) * [0.5, 5.0]


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = R2.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    assert measure(ONE, P[:, :1], Y[:, :1]) == pytest.approx(reference.r2_score(Y[:, 0], P[:, 0]), rel=1e-12)


def test_several_targets_give_the_mean_of_theirs() -> None:
    assert measure(TWO, P, Y) == pytest.approx(reference.r2_score(Y, P), rel=1e-12)


@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1e-6), (1e6, 1.0), (-1e9, 1e3)])
def test_the_unit_of_the_target_does_not_matter(offset: float, scale: float) -> None:
    expected = reference.r2_score(Y[:, 0], P[:, 0])
    found = measure(ONE, P[:, :1] * scale + offset, Y[:, :1] * scale + offset)
    assert found == pytest.approx(expected, rel=1e-6)


def test_predicting_the_mean_explains_nothing() -> None:
    assert measure(ONE, np.full((90, 1), Y[:, 0].mean()), Y[:, :1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("prediction", "value"), [(0.1, 1.0), (0.2, 0.0)])
def test_a_target_that_does_not_vary(prediction: float, value: float) -> None:
    for rows in (1, 20):
        assert measure(ONE, np.full((rows, 1), prediction), np.full((rows, 1), 0.1)) == value


def test_pools_the_processes_of_a_distributed_evaluation() -> None:
    parts = []
    for rows in (slice(0, 30), slice(30, 31), slice(31, 90)):
        metric = R2().build(TWO)
        metric.update(torch.tensor(P[rows]), torch.tensor(Y[rows]))
        parts.append(metric.sums)
    idle = torch.zeros_like(parts[0])
    metric.sums = torch.stack([idle, *parts])  # as torchmetrics gathers them: (processes, 1, 5, targets)
    assert float(metric.compute()) == pytest.approx(reference.r2_score(Y, P), rel=1e-9)


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        R2.model_validate({"threshold": 0.4})
