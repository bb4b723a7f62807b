from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import mean_pinball_loss

from recipeline import TargetSpec
from recipeline_plugins.metric.pinball import Pinball

RNG = np.random.default_rng(0)
TWO = TargetSpec("regression", ("y", "z"))
Y = RNG.normal(size=(90, 2)) * [1.0, 50.0]
P = Y + RNG.normal(size=(90, 2)) * [0.5, 5.0]


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_equals_scikit_learn_in_batches(q: float) -> None:
    metric = Pinball(q=q).build(TWO)
    for part in np.array_split(np.arange(90), [7, 8]):
        metric.update(torch.tensor(P[part]), torch.tensor(Y[part]))
    assert float(metric.compute()) == pytest.approx(mean_pinball_loss(Y, P, alpha=q), rel=1e-12)
    assert Pinball.higher_is_better is False


@pytest.mark.parametrize(("q", "words"), [(0.0, "greater than 0"), (1.0, "less than 1"), ("0.5", "valid number")])
def test_refuses(q: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Pinball.model_validate({"q": q})
