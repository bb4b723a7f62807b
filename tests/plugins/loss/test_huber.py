from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import TargetSpec
from recipeline_plugins.loss.huber import Huber

TARGET = TargetSpec("regression", ("y",))
P, Y = np.random.default_rng(0).normal(size=(2, 40, 1)) * 3


def loss(delta: float) -> float:
    return Huber(delta=delta).build(TARGET)(torch.tensor(P), torch.tensor(Y)).item()


@pytest.mark.parametrize("delta", [0.1, 1.0, 2.5])
def test_equals_the_formula(delta: float) -> None:
    e = np.abs(P - Y)
    assert (e < delta).any()
    assert (e > delta).any()
    expected = np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean()
    assert loss(delta) == pytest.approx(expected, rel=1e-12)


def test_a_large_delta_is_half_the_mean_squared_error() -> None:
    assert loss(1e6) == pytest.approx(((P - Y) ** 2).mean() / 2, rel=1e-12)


def test_a_small_delta_is_delta_times_the_mean_absolute_error() -> None:
    assert loss(1e-7) / 1e-7 == pytest.approx(np.abs(P - Y).mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("delta", "words"),
    [(0.0, "greater than 0"), (-1.0, "greater than 0"), ("1", "valid number"), (True, "valid number"),
     (float("inf"), "finite number")],
)  # fmt: skip
def test_refuses(delta: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Huber.model_validate({"delta": delta})
