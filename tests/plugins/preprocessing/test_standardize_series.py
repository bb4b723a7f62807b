import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.standardize_series import StandardizeSeries

RNG = np.random.default_rng(0)
ROWS = [RNG.normal([3.0, -50.0], [2.0, 7.0], size=(length, 2)) for length in (3, 8, 1, 5)]
MANY = pl.DataFrame({"s": [row.tolist() for row in ROWS]}, schema={"s": pl.List(pl.Array(pl.Float64, 2))})


def test_each_channel_over_all_times_of_all_train_rows(apply):
    made = apply(StandardizeSeries(), MANY)
    times = np.concatenate(ROWS)
    for got, row in zip(made["s"].to_list(), ROWS, strict=True):
        np.testing.assert_allclose(got, (row - times.mean(axis=0)) / times.std(axis=0), atol=1e-12)
    assert made.schema == MANY.schema


def test_other_rows_are_measured_by_the_train_rows(apply):
    train = pl.DataFrame({"s": [[0.0, 2.0], [4.0]]})
    made = apply(StandardizeSeries(), train, pl.DataFrame({"s": [[2.0, 100.0], [], None, [None, 2.0]]}))
    deviation = np.std([0, 2, 4])
    assert made["s"].to_list() == [[0.0, pytest.approx(98 / deviation)], [], None, [None, 0.0]]


@pytest.mark.parametrize("dtype", [pl.Array(pl.Int64, 3), pl.List(pl.Int32), pl.List(pl.Float32)])
def test_series_of_every_type(dtype, apply):
    made = apply(StandardizeSeries(), pl.DataFrame({"s": [[1, 2, 3], [3, 2, 1]]}, schema={"s": dtype}))
    assert made.schema == {"s": pl.List(pl.Float64)}
    assert made["s"].to_list()[0] == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5])


def test_a_constant_channel_becomes_zeros(apply):
    train = pl.DataFrame({"s": [[[5.0, 1.0], [5.0, 3.0]]]}, schema={"s": pl.List(pl.Array(pl.Float64, 2))})
    assert apply(StandardizeSeries(), train)["s"].to_list() == [[[0.0, -1.0], [0.0, 1.0]]]


@pytest.mark.parametrize("cells", [[1.0, 2.0], [["a"], ["b"]]])
def test_what_is_no_series_is_refused(cells):
    with pytest.raises(DataError, match="works on series"):
        StandardizeSeries().fit(pl.LazyFrame({"s": cells}))
