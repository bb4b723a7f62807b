"""The numbers that several steps learn."""

import numpy as np
import polars as pl
import pytest

from recipeline_plugins.preprocessing import _statistics
from recipeline_plugins.preprocessing._statistics import moments
from recipeline_plugins.preprocessing.standardize import Standardize


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "rows.parquet"
    values = np.random.default_rng(0).lognormal(0, 5, 400_000)
    pl.DataFrame({"x": values}).write_parquet(path, row_group_size=20_000)
    return path, values


def test_moments_are_the_same_to_the_last_bit_every_time_and_however_the_rows_lie(parquet):
    path, values = parquet
    scans = [pl.scan_parquet(path), pl.scan_parquet(path), pl.LazyFrame({"x": values})]
    found = {(m.mean, m.squares) for scan in scans for m in [moments(Standardize(), scan)["x"]]}
    assert len(found) == 1


def test_moments_put_together_from_batches_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr(_statistics, "BATCH_ROWS", 37)
    values = np.random.default_rng(1).normal(1e6, 3, 1000)
    found = moments(Standardize(), pl.LazyFrame({"x": values}))["x"]
    assert found.count == 1000
    assert found.mean == pytest.approx(values.mean(), rel=1e-15)
    assert found.deviation == pytest.approx(values.std(), rel=1e-11)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_what_is_missing_is_not_counted_and_what_is_infinite_is(dtype):
    frame = pl.LazyFrame({"x": pl.Series([1.0, None, float("nan"), 3.0, float("-inf")], dtype=dtype)})
    found = moments(Standardize(), frame, skip_infinite=True)["x"]
    assert (found.count, found.infinite, found.mean, found.squares) == (2, 1, 2.0, 2.0)
    assert (found.least, found.largest) == (1.0, 3.0)
    nothing = moments(Standardize(), pl.LazyFrame({"x": [float("nan"), None]}))["x"]
    assert (nothing.count, nothing.infinite, nothing.centre, nothing.deviation) == (0, 0, 0.0, 0.0)
