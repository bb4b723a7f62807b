import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import mean_absolute_error

from recipeline import TargetSpec
from recipeline_plugins.loss.mae import MeanAbsoluteError

TARGET = TargetSpec("regression", ("y", "z"))


def test_equals_scikit_learn() -> None:
    p, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    value = MeanAbsoluteError().build(TARGET)(torch.tensor(p), torch.tensor(y))
    assert value.item() == pytest.approx(mean_absolute_error(y, p), rel=1e-12)


def test_vanishes_where_all_is_right() -> None:
    y = torch.randn(5, 2)
    assert MeanAbsoluteError().build(TARGET)(y, y).item() == 0


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        MeanAbsoluteError.model_validate({"reduction": "sum"})
    assert MeanAbsoluteError.tasks == {"regression"}
