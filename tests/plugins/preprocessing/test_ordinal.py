import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import OrdinalEncoder

from recipeline import DataError
from recipeline_plugins.preprocessing.ordinal import Ordinal


def test_codes_are_those_of_scikit_learn(apply):
    words = np.random.default_rng(0).choice(["b", "a", "dd", "c"], (100, 3))
    made = apply(Ordinal(), pl.DataFrame(words))
    assert (made.to_numpy() == OrdinalEncoder().fit_transform(words)).all()
    assert set(made.dtypes) == {pl.Int64}


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        (["b", None, "a"], ["a", "b"]),
        ([10, 9, None], [9, 10]),
        ([2.5, float("nan"), -1.0], [-1.0, 2.5]),
        ([True, None, False], [False, True]),
        ([2**63 + 1, 3, None], [3, 2**63 + 1]),
    ],
)
def test_categories_are_sorted_and_keep_their_type(apply, values, categories):
    step, frame = Ordinal(), pl.DataFrame({"x": values})
    state = step.fit(frame.lazy())
    assert state["x"]["categories"] == categories
    assert [type(value) for value in state["x"]["categories"]] == [type(value) for value in categories]
    assert step.cardinalities(state) == {"x": 3}
    assert apply(step, frame)["x"].to_list() == [
        categories.index(value) if value in categories else 2 for value in values
    ]


def test_missing_and_unseen_share_the_last_code(apply):
    train = pl.DataFrame({"s": ["a", "b"]})
    assert apply(Ordinal(), train, pl.DataFrame({"s": [None, "new", "b"]}))["s"].to_list() == [2, 2, 1]


def test_a_number_of_another_size_is_unseen(apply):
    train = pl.DataFrame({"n": [1, 2]})
    rows = pl.DataFrame({"n": [2.0, 2.5, 1e30]})
    assert apply(Ordinal(), train, rows)["n"].to_list()[0] == 1
    assert apply(Ordinal(), train, rows)["n"].to_list()[2] == 2


def test_an_order_of_ones_own(apply):
    step = Ordinal(order=["low", "middle", "high"])
    train = pl.DataFrame({"s": ["high", "low", "high"]})
    assert apply(step, train, pl.DataFrame({"s": ["low", "middle", "high", None]}))["s"].to_list() == [0, 1, 2, 3]
    assert step.cardinalities(step.fit(train.lazy())) == {"s": 4}


def test_an_order_that_lacks_a_train_category_is_refused():
    with pytest.raises(DataError) as caught:
        Ordinal(order=["low", "high"]).fit(pl.LazyFrame({"s": ["low", "middle", "odd"]}))
    assert str(caught.value) == (
        "column 's': `ordinal` finds categories in the train rows that its `order` doesn't name (found middle, odd). "
        "Add them to `order`, or choose other columns."
    )


def test_a_column_without_train_values_has_the_one_code(apply):
    train = pl.DataFrame({"s": pl.Series([None, None], dtype=pl.String)})
    assert apply(Ordinal(), train, pl.DataFrame({"s": ["a", None]}))["s"].to_list() == [0, 0]


def test_an_order_names_each_once(refused):
    assert "order names a twice: each category has one place" in refused(Ordinal, {"order": ["a", "b", "a"]})
    assert "at least 1 item" in refused(Ordinal, {"order": []})
