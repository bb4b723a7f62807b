import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import mean_poisson_deviance

from recipeline import TargetSpec
from recipeline_plugins.metric.poisson_deviance import PoissonDeviance

RNG = np.random.default_rng(0)
ONE = TargetSpec("regression", ("visits",))
RATE = RNG.exponential(3.0, size=(400, 1)) + 0.1
Y = RNG.poisson(RATE).astype(float)


def measure(rate: np.ndarray, count: np.ndarray) -> float:
    metric = PoissonDeviance().build(ONE)
    for part in np.array_split(np.arange(len(count)), [7, 8]):
        metric.update(torch.tensor(rate[part]), torch.tensor(count[part]))
    return float(metric.compute())


def test_equals_scikit_learn_in_batches() -> None:
    assert (Y == 0).any()
    assert measure(RATE, Y) == pytest.approx(mean_poisson_deviance(Y[:, 0], RATE[:, 0]), rel=1e-12)
    assert PoissonDeviance.higher_is_better is False


def test_vanishes_where_the_rates_are_the_counts() -> None:
    assert measure(Y + 1, Y + 1) == pytest.approx(0, abs=1e-12)


def test_a_prediction_that_is_no_rate_costs_much_and_not_infinitely_much() -> None:
    value = measure(np.full((20, 1), -3.0), np.ones((20, 1)))
    assert math.isfinite(value)
    assert value == pytest.approx(2 * (math.log(1e6) - 1), rel=1e-5)


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        PoissonDeviance.model_validate({"power": 1})
