import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import DataError, TargetSpec
from recipeline_plugins.metric.mase import MeanAbsoluteScaledError

RNG = np.random.default_rng(0)
TRAIN = RNG.normal(size=(50, 2)).cumsum(axis=0) * [1.0, 30.0]
Y = RNG.normal(size=(20, 2))
P = Y + RNG.normal(size=(20, 2)) * [1.0, 30.0]
TARGET = TargetSpec("forecasting", ("t+1", "t+2"))


@pytest.mark.parametrize("season", [1, 7])
def test_equals_its_formula(season):
    metric = MeanAbsoluteScaledError(season=season).build(TARGET)
    metric.learn(torch.tensor(TRAIN))
    for part in np.array_split(np.arange(20), [7, 8]):
        metric.update(torch.tensor(P[part]), torch.tensor(Y[part]))
    naive = [np.mean([abs(TRAIN[t, c] - TRAIN[t - season, c]) for t in range(season, 50)]) for c in (0, 1)]
    assert float(metric.compute()) == pytest.approx(np.mean(np.abs(P - Y).mean(axis=0) / naive), rel=1e-12)


def test_the_naive_forecast_on_the_train_part_has_one():
    metric = MeanAbsoluteScaledError().build(TARGET)
    metric.learn(torch.tensor(TRAIN))
    metric.update(torch.tensor(TRAIN[:-1]), torch.tensor(TRAIN[1:]))
    assert float(metric.compute()) == pytest.approx(1.0)
    metric.reset()
    metric.update(torch.tensor(TRAIN[1:]), torch.tensor(TRAIN[1:]))
    assert float(metric.compute()) == 0.0


def test_each_series_is_compared_with_itself():
    metric = MeanAbsoluteScaledError(season=2).build(TARGET)
    other = TRAIN[:20] + 1e6
    metric.learn(torch.tensor(np.concatenate([TRAIN, other])), torch.tensor([4] * 50 + [7] * 20))
    metric.update(torch.tensor(P), torch.tensor(Y))
    naive = np.concatenate([np.abs(TRAIN[2:] - TRAIN[:-2]), np.abs(other[2:] - other[:-2])]).mean(axis=0)
    assert float(metric.compute()) == pytest.approx(np.mean(np.abs(P - Y).mean(axis=0) / naive), rel=1e-9)
    with pytest.raises(DataError, match="no longer than a season"):
        metric.learn(torch.tensor(TRAIN[:6]), torch.tensor([0, 0, 1, 1, 2, 2]))


def test_is_no_number_before_it_has_seen_the_train_part():
    metric = MeanAbsoluteScaledError().build(TARGET)
    metric.update(torch.tensor(P), torch.tensor(Y))
    assert metric.compute().isnan()


@pytest.mark.parametrize(
    ("train", "season", "words"),
    [
        (TRAIN[:5], 5, "no longer than a season.*5 rows, season 5"),
        (np.ones((9, 1)), 1, "each value is that of 1 step before"),
        (np.tile([[1.0], [2.0]], (5, 1)), 2, "each value is that of 2 steps before"),
    ],
)
def test_refuses_what_it_cant_compare_with(train, season, words):
    with pytest.raises(DataError, match=words):
        MeanAbsoluteScaledError(season=season).build(TARGET).learn(torch.tensor(train))


def test_refuses_a_season_of_nothing():
    with pytest.raises(ValidationError, match="greater than 0"):
        MeanAbsoluteScaledError(season=0)
