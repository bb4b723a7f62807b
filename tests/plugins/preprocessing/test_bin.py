import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import KBinsDiscretizer

from recipeline_plugins.preprocessing.bin import Bin


@pytest.mark.parametrize("bins", [2, 5, 16])
@pytest.mark.parametrize("method", ["quantile", "uniform"])
def test_codes_are_those_of_scikit_learn(apply, method, bins):
    rng = np.random.default_rng(0)
    train, others = rng.lognormal(0, 1, (300, 2)), rng.lognormal(0, 2, (300, 2))
    how = {"quantile_method": "linear"} if method == "quantile" else {}
    sklearn = KBinsDiscretizer(bins, encode="ordinal", strategy=method, subsample=None, **how).fit(train)
    made = apply(Bin(method=method, bins=bins), pl.DataFrame(train), pl.DataFrame(others))
    assert (made.to_numpy() == sklearn.transform(others)).all()


def test_given_edges_belong_to_the_range_above(apply):
    made = apply(Bin(method="edges", edges=[0, 10.5]), pl.DataFrame({"x": [-1.0, 0.0, 10.0, 10.5, 99.0]}))
    assert made["x"].to_list() == [0, 1, 1, 2, 2]
    assert made["x"].dtype == pl.Int64


def test_missing_has_the_last_code_and_outside_the_range_the_nearer_end(apply):
    step = Bin(bins=2)
    train = pl.DataFrame({"x": [1, 2, 3, 4]})
    rows = pl.DataFrame({"x": [None, float("nan"), -1e9, 1e9, float("-inf"), float("inf")]})
    assert apply(step, train, rows)["x"].to_list() == [2, 2, 0, 1, 0, 1]
    assert step.cardinalities(step.fit(train.lazy())) == {"x": 3}


@pytest.mark.parametrize("method", ["quantile", "uniform"])
@pytest.mark.parametrize("values", [[7.0, 7.0, 7.0], [None, None, None], []])
def test_a_column_without_a_spread_is_one_range(apply, method, values):
    step = Bin(method=method)
    train = pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})
    assert step.cardinalities(step.fit(train.lazy())) == {"x": 2}
    assert apply(step, train, pl.DataFrame({"x": [7.0, None]}))["x"].to_list() == [0, 1]


def test_repeated_values_make_fewer_ranges():
    assert Bin(bins=4).fit(pl.LazyFrame({"x": [0, 0, 0, 0, 0, 0, 5, 9]})) == {"x": {"edges": [1.25]}}


def test_settings_that_do_not_belong_together(refused):
    assert "method: edges and the setting `edges` belong together" in refused(Bin, {"method": "edges"})
    assert "method: edges and the setting `edges` belong together" in refused(Bin, {"edges": [1.0]})
    assert "bins belongs to the methods quantile and uniform" in refused(
        Bin, {"method": "edges", "edges": [1.0], "bins": 3}
    )
    assert "edges have to rise, from [2.0, 2.0]" in refused(Bin, {"method": "edges", "edges": [2.0, 2.0]})
    assert "greater than or equal to 2" in refused(Bin, {"bins": 1})


def test_the_result_is_categories():
    assert Bin().new_role == "categorical"
