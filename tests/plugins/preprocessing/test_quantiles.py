"""Quantiles are exact whatever the column holds, for one batch of rows and for many."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipeline import DataError
from recipeline_plugins.preprocessing import _quantiles, _statistics
from recipeline_plugins.preprocessing._quantiles import quantiles
from recipeline_plugins.preprocessing.robust import Robust

SHARES = [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 1.0]


@pytest.fixture
def small_samples(monkeypatch):
    monkeypatch.setattr(_quantiles, "KEPT", 500)
    monkeypatch.setattr(_statistics, "BATCH_ROWS", 700)


def columns(rows: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    return {
        "normal": chance.normal(size=rows),
        "heavy": chance.standard_cauchy(rows),
        "rising": np.arange(rows) * 0.5,
        "few": chance.integers(0, 3, rows).astype(float),
        "constant": np.full(rows, 7.25),
        "mostly": np.where(chance.random(rows) < 0.97, 0.0, chance.normal(size=rows)),
    }


@pytest.mark.parametrize("rows", [1, 2, 3, 499, 500, 501, 10_000, 20_001])
@pytest.mark.usefixtures("small_samples")
def test_they_are_those_of_numpy(rows):
    made = columns(rows)
    found = quantiles(Robust(), pl.LazyFrame(made), SHARES)
    for name, values in made.items():
        assert found[name] == pytest.approx(np.quantile(values, SHARES), rel=1e-14, abs=1e-300), name


@pytest.mark.usefixtures("small_samples")
def test_rows_in_a_cunning_order_cost_time_and_not_the_answer():
    values = np.random.default_rng(1).normal(size=16_000)
    values[::16] = 1e6 + np.arange(1000)  # what every sample of these rows sees
    found = quantiles(Robust(), pl.LazyFrame({"x": values}), [0.5])
    assert found["x"] == [np.median(values)]


@pytest.mark.usefixtures("small_samples")
def test_missing_values_are_not_counted_and_infinite_ones_are_said_or_skipped():
    values = np.random.default_rng(2).normal(size=5000)
    gaps = pl.Series("x", values).to_frame().with_row_index().select(pl.when(pl.col("index") % 3 > 0).then("x"))
    kept = values[np.arange(5000) % 3 > 0]
    assert quantiles(Robust(), gaps.lazy(), [0.5])["x"] == [np.median(kept)]
    assert quantiles(Robust(), pl.LazyFrame({"x": [None, float("nan")]}), [0.5])["x"] == [None]
    values[[3, 4000]] = np.inf
    with pytest.raises(DataError, match="infinite values"):
        quantiles(Robust(), pl.LazyFrame({"x": values}), [0.5])
    found = quantiles(Robust(), pl.LazyFrame({"x": values}), [0.5], skip_infinite=True)
    assert found["x"] == [np.median(values[np.isfinite(values)])]


@given(
    st.lists(st.integers(-3, 3) | st.floats(-1e300, 1e300), min_size=1, max_size=80),
    st.integers(1, 9),
    st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_column_and_any_sample(values, kept, share):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_quantiles, "KEPT", kept)
        patch.setattr(_quantiles, "MARGIN", 0.5)
        patch.setattr(_statistics, "BATCH_ROWS", 7)
        column = np.array(values, dtype=float)
        (found,) = quantiles(Robust(), pl.LazyFrame({"x": column}), [share])["x"]
    ranked = np.sort(column)
    place = share * (len(ranked) - 1)
    low, high = ranked[int(np.floor(place))], ranked[int(np.ceil(place))]
    assert low <= found <= high
    assert found == pytest.approx(low + (high - low) * (place % 1), rel=1e-12, abs=1e-300)
