from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn import metrics as reference

from recipeline import TargetSpec
from recipeline_plugins.metric.mse import MeanSquaredError

RNG = np.random.default_rng(0)
ONE, TWO = TargetSpec("regression", ("y",)), TargetSpec("regression", ("y", "z"))
Y = RNG.normal(size=(90, 2)) * [1.0, 50.0] + [0.0, 2000.0]
P = Y + RNG.normal(size=(90, 2)) * [0.5, 5.0]


def measure(target: TargetSpec, prediction: Any, truth: Any, **settings: Any) -> float:
    """In three batches of unequal size."""
    metric = MeanSquaredError.model_validate(settings).build(target)
    for part in np.array_split(np.arange(len(truth)), [7, 8]):
        if len(part):
            metric.update(torch.tensor(prediction[part]), torch.tensor(truth[part]))
    return float(metric.compute())


def test_equals_scikit_learn() -> None:
    assert measure(ONE, P[:, :1], Y[:, :1]) == pytest.approx(reference.mean_squared_error(Y[:, 0], P[:, 0]), rel=1e-12)


def test_several_targets_give_the_mean_of_theirs() -> None:
    assert measure(TWO, P, Y) == pytest.approx(reference.mean_squared_error(Y, P), rel=1e-12)


def test_adds_up_without_losing_digits() -> None:
    rows = np.full((300_000, 1), 1.1, dtype=np.float32)
    expected = float(np.float32(1.1)) ** 2
    assert measure(ONE, rows, np.zeros_like(rows)) == pytest.approx(expected, rel=1e-12)


def test_vanishes_where_all_is_right() -> None:
    assert measure(TWO, Y, Y) == 0
    assert MeanSquaredError.higher_is_better is False


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        MeanSquaredError.model_validate({"threshold": 0.4})
