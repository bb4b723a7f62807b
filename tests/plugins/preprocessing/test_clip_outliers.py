import numpy as np
import polars as pl
import pytest

from recipeline_plugins.preprocessing.clip_outliers import ClipOutliers

VALUES = [*np.random.default_rng(0).normal(10, 2, 200).tolist(), 1e6, -1e6]


def limits(step):
    return step.fit(pl.LazyFrame({"x": VALUES}))["x"]


def test_quantile_limits_are_numpys():
    found = limits(ClipOutliers(method="quantile", lower=0.05, upper=0.9))
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(VALUES, [0.05, 0.9]), rel=1e-12)
    assert limits(ClipOutliers(method="quantile")) == limits(ClipOutliers(method="quantile", lower=0.01, upper=0.99))


def test_iqr_limits_are_tukeys():
    low, high = np.quantile(VALUES, [0.25, 0.75])
    for step, factor in [(ClipOutliers(), 1.5), (ClipOutliers(method="iqr", factor=3), 3)]:
        found = limits(step)
        assert found["low"] == pytest.approx(low - factor * (high - low), rel=1e-12)
        assert found["high"] == pytest.approx(high + factor * (high - low), rel=1e-12)


def test_zscore_limits_are_deviations_from_the_mean():
    for step, width in [(ClipOutliers(method="zscore"), 3), (ClipOutliers(method="zscore", limit=0.5), 0.5)]:
        found = limits(step)
        assert found["low"] == pytest.approx(np.mean(VALUES) - width * np.std(VALUES), rel=1e-9)
        assert found["high"] == pytest.approx(np.mean(VALUES) + width * np.std(VALUES), rel=1e-9)


@pytest.mark.parametrize("method", ["quantile", "iqr", "zscore"])
def test_what_is_outside_becomes_the_limit_and_missing_stays(apply, method):
    step = ClipOutliers(method=method)
    found = limits(step)
    rows = pl.DataFrame({"x": [1e9, -1e9, float("inf"), float("-inf"), None, float("nan"), 10.0]})
    low, high = found["low"], found["high"]
    assert apply(step, pl.DataFrame({"x": VALUES}), rows)["x"].to_list() == [high, low, high, low, None, None, 10.0]


@pytest.mark.parametrize("method", ["quantile", "iqr", "zscore"])
def test_infinite_train_values_do_not_count_for_the_limits(method):
    step = ClipOutliers(method=method)
    assert step.fit(pl.LazyFrame({"x": [*VALUES, float("inf"), float("-inf")]})) == {"x": limits(step)}


@pytest.mark.parametrize("method", ["quantile", "iqr", "zscore"])
@pytest.mark.parametrize("values", [[5.0, 5.0, 5.0], [None, None, float("nan")]])
def test_nothing_is_clipped_where_there_is_no_spread(apply, method, values):
    rows = pl.DataFrame({"x": [5.0, 99.0, None, float("inf")]})
    made = apply(ClipOutliers(method=method), pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)}), rows)
    assert made["x"].to_list() == [5.0, 99.0, None, None]


def test_iqr_of_mostly_equal_values_does_not_erase_the_others(apply):
    made = apply(ClipOutliers(), pl.DataFrame({"x": [0, 0, 0, 0, 0, 0, 0, 3]}))
    assert made["x"].to_list() == [0, 0, 0, 0, 0, 0, 0, 3]


def test_limits_beyond_the_floats_stay_finite():
    found = ClipOutliers(factor=1e300).fit(pl.LazyFrame({"x": [-1e100, 0.0, 1e100]}))["x"]
    assert found == {"low": -1.7976931348623157e308, "high": 1.7976931348623157e308}


def test_a_setting_of_another_method_is_refused(refused):
    assert "factor belongs to method: iqr, but the method is zscore" in refused(
        ClipOutliers, {"method": "zscore", "factor": 2.0}
    )
    assert "limit belongs to method: zscore, but the method is iqr" in refused(ClipOutliers, {"limit": 2.0})
    assert "lower belongs to method: quantile" in refused(ClipOutliers, {"lower": 0.1})
    assert "lower is 0.99 and upper 0.99: lower has to be below" in refused(
        ClipOutliers, {"method": "quantile", "lower": 0.99}
    )
    assert "greater than 0" in refused(ClipOutliers, {"factor": 0.0})
