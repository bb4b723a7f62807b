import numpy as np
import polars as pl
import pytest
import torch

from recipeline import DataError
from recipeline_plugins.preprocessing.normalize_target import NormalizeTarget

PRICES = pl.DataFrame({"price": np.random.default_rng(0).lognormal(10, 2, 200), "rooms": list(range(200))})


@pytest.mark.parametrize("method", ["standardize", "min_max", "log"])
def test_the_inverse_gives_the_original_back_in_float64(apply, method):
    step = NormalizeTarget(method=method)
    made = apply(step, PRICES)
    back = step.inverse(torch.tensor(made.to_numpy(), dtype=torch.float32), step.fit(PRICES.lazy()))
    assert back.dtype == torch.float64
    np.testing.assert_allclose(back.numpy(), PRICES.to_numpy(), rtol=1e-4, atol=1e-2)
    exact = step.inverse(torch.tensor(made.to_numpy()), step.fit(PRICES.lazy()))
    np.testing.assert_allclose(exact.numpy(), PRICES.to_numpy(), rtol=1e-9, atol=1e-9)


def test_standardize_and_min_max_and_log(apply):
    y = np.array([0.0, 1.0, 4.0, 9.0])
    frame = pl.DataFrame({"y": y})
    logs = np.log1p(y)
    expected = {
        "standardize": (y - y.mean()) / y.std(),
        "min_max": y / 9,
        "log": (logs - logs.mean()) / logs.std(),
    }
    for method, numbers in expected.items():
        np.testing.assert_allclose(apply(NormalizeTarget(method=method), frame)["y"].to_numpy(), numbers, atol=1e-12)


@pytest.mark.parametrize("method", ["standardize", "min_max", "log"])
def test_a_constant_target_is_zeros_and_comes_back(apply, method):
    step, frame = NormalizeTarget(method=method), pl.DataFrame({"y": [7.0, 7.0]})
    assert apply(step, frame)["y"].to_list() == [0.0, 0.0]
    back = step.inverse(torch.zeros(3, 1), step.fit(frame.lazy()))
    assert back.flatten().tolist() == pytest.approx([7.0] * 3)


def test_a_prediction_far_out_stays_finite():
    step = NormalizeTarget(method="log")
    back = step.inverse(torch.tensor([[1e30], [-1e30]]), step.fit(pl.LazyFrame({"y": [1.0, 2.0]})))
    assert torch.isfinite(back).all()
    assert back[1].item() == -1.0


def test_log_refuses_train_values_outside_its_domain(apply):
    with pytest.raises(DataError) as caught:
        NormalizeTarget(method="log").fit(pl.LazyFrame({"y": [3.0, -1.5]}))
    assert str(caught.value) == (
        "column 'y': `normalize_target` with method: log needs values above -1 (found -1.5 in the train rows). Use "
        "method: standardize."
    )
    rows = pl.DataFrame({"y": [-5.0, None, 1.0]})
    made = apply(NormalizeTarget(method="log"), pl.DataFrame({"y": [1.0, 2.0]}), rows)
    assert made["y"].to_list()[:2] == [None, None]


def test_classes_are_refused_by_task_and_by_type():
    assert NormalizeTarget.tasks == {"regression", "forecasting"}
    with pytest.raises(DataError, match=r"column 'y': `normalize_target` can't work on a column of text"):
        NormalizeTarget().fit(pl.LazyFrame({"y": ["yes", "no"]}))


def test_settings(refused):
    assert "'standardize', 'min_max' or 'log'" in refused(NormalizeTarget, {"method": "box_cox"})
    assert "'target'" in refused(NormalizeTarget, {"columns": "numeric"})
