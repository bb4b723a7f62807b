from datetime import date

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import OneHotEncoder

from recipeline import DataError
from recipeline_plugins.preprocessing.one_hot import OneHot

ISLANDS = pl.DataFrame({"island": ["Dream", "Biscoe", "Dream", "Torgersen", "Biscoe", "Dream"]})


def test_indicators_are_those_of_scikit_learn(apply):
    words = np.random.default_rng(0).choice(["a", "b", "c", "d"], (200, 2), p=[0.5, 0.3, 0.15, 0.05])
    for drop in (None, "first"):
        expected = OneHotEncoder(drop=drop, sparse_output=False).fit_transform(words)
        made = apply(OneHot(drop_first=drop is not None), pl.DataFrame(words, schema=["u", "v"]))
        assert (made.to_numpy() == expected).all()


def test_names_say_column_and_category(apply):
    made = apply(OneHot(), ISLANDS)
    assert made.columns == ["island_Biscoe", "island_Dream", "island_Torgersen"]
    assert made["island_Dream"].to_list() == [True, False, True, False, False, True]
    assert set(made.dtypes) == {pl.Boolean}
    assert OneHot().new_role == "boolean"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10, 9, 10], ["x_9", "x_10"]),
        ([1.5, -0.0, 0.0], ["x_-0.0", "x_1.5"]),
        ([True, False], ["x_false", "x_true"]),
        ([date(2020, 1, 2), date(2019, 1, 1)], ["x_2019-01-01", "x_2020-01-02"]),
        ([2**63 + 1, 3], ["x_3", "x_9223372036854775809"]),
    ],
)
def test_categories_of_every_type_keep_it_through_json(apply, values, names):
    made = apply(OneHot(), pl.DataFrame({"x": values}))
    assert made.columns == names
    assert made.sum_horizontal().to_list() == [1] * len(values)


def test_missing_values_seen_in_training_have_their_own_column(apply):
    train = pl.DataFrame({"s": ["a", None, "b"], "x": [1.0, float("nan"), None]})
    made = apply(OneHot(), train)
    assert made.columns == ["s_a", "s_b", "s_missing", "x_1.0", "x_missing"]
    assert made["s_missing"].to_list() == [False, True, False]
    assert made["x_missing"].to_list() == [False, True, True]


def test_at_serving_unseen_and_unexpected_missing_values_are_zeros(apply):
    made = apply(OneHot(), ISLANDS, pl.DataFrame({"island": ["Atlantis", None, "Dream"]}))
    assert made.rows() == [(False, False, False), (False, False, False), (False, True, False)]


def test_unseen_values_can_be_refused(apply):
    step = OneHot(unseen="error")
    assert apply(step, ISLANDS).equals(apply(OneHot(), ISLANDS))
    assert apply(step, ISLANDS, pl.DataFrame({"island": [None]}, schema={"island": pl.String})).row(0) == (False,) * 3
    with pytest.raises(DataError, match=r"column 'island': `one_hot` meets a category .* .found Atlantis.. Write unse"):
        apply(step, ISLANDS, pl.DataFrame({"island": ["Dream", "Atlantis"]}))


@pytest.mark.parametrize("settings", [{"max_categories": 1}, {"min_frequency": 3}, {"min_frequency": 0.5}])
def test_rare_categories_share_a_column_with_unseen_ones(apply, settings):
    rows = pl.DataFrame({"island": ["Dream", "Biscoe", "Atlantis", None]})
    made = apply(OneHot(unseen="error", **settings), ISLANDS, rows)
    assert made.columns == ["island_Dream", "island_other"]
    assert made.rows() == [(True, False), (False, True), (False, True), (False, False)]


def test_of_equally_frequent_categories_the_lesser_is_kept(apply):
    made = apply(OneHot(max_categories=2), pl.DataFrame({"s": ["c", "b", "a", "c"]}))
    assert made.columns == ["s_a", "s_c", "s_other"]


def test_a_missing_value_is_not_other(apply):
    made = apply(OneHot(max_categories=1), pl.DataFrame({"s": ["a", "a", "b", None]}))
    assert made.columns == ["s_a", "s_other", "s_missing"]
    assert made.row(3) == (False, False, True)


def test_a_column_without_train_values_has_missing_only(apply):
    train = pl.DataFrame({"s": pl.Series([None], dtype=pl.String)})
    assert apply(OneHot(), train, pl.DataFrame({"s": ["a", None]})).rows() == [(False,), (True,)]


@pytest.mark.parametrize(
    "frame",
    [{"a": ["b_c"], "a_b": ["c"]}, {"a": ["missing", None]}, {"a": ["x", "x", "other", "z"]}],
)
def test_two_columns_of_one_name_are_refused(frame):
    step = OneHot(max_categories=2) if "other" in frame["a"] else OneHot()
    with pytest.raises(
        DataError, match=r"`one_hot` would make two columns named 'a_(b_c|missing|other)' .found also fr"
    ):
        step.fit(pl.LazyFrame(frame))


def test_thousands_of_categories_are_taken_for_a_mistake():
    frame = pl.LazyFrame({"id": range(10_001)})
    with pytest.raises(
        DataError, match=r"column 'id': `one_hot` would make a column for each category .found 10001 cat"
    ):
        OneHot().fit(frame)
    assert len(OneHot(max_categories=10_001).fit(frame)["columns"][0]["categories"]) == 10_001


def test_lists_are_refused_and_settings_checked(refused):
    with pytest.raises(DataError, match=r"column 'l': `one_hot` can't work on a column of lists or objects"):
        OneHot().fit(pl.LazyFrame({"l": [[1]]}))
    assert "greater than or equal to 1" in refused(OneHot, {"max_categories": 0})
    assert "less than 1" in refused(OneHot, {"min_frequency": 1.5})
    assert "'zeros' or 'error'" in refused(OneHot, {"unseen": "ignore"})
