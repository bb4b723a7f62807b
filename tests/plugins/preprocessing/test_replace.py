import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.replace import Replace


def replace(values):
    return Replace.model_validate({"values": values})


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        ({-999: None}, [1, -999], [1, None]),
        ({-999: None}, [1.5, -999.0], [1.5, None]),
        ({"-999": 0}, [1, -999], [1, 0]),
        ({-999: 0.5}, [1, -999], [1.0, 0.5]),
        ({-999: None}, ["a", "-999"], ["a", None]),
        ({"Adelei": "Adelie", "?": None}, ["Adelei", "?", None, "x"], ["Adelie", None, None, "x"]),
        ({True: False}, [True, False, None], [False, False, None]),
        ({1.5: 2}, [1.5, float("nan"), None], [2.0, None, None]),
        ({"inf": None, "-inf": None}, [float("inf"), float("-inf"), 1.0], [None, None, 1.0]),
        ({1: 2, 2: 1}, [1, 2, 3], [2, 1, 3]),
        ({"x": 3}, ["x", "y"], ["3", "y"]),
    ],
)
def test_values_are_exchanged_in_the_columns_own_type(apply, values, column, expected):
    made = apply(replace(values), pl.DataFrame({"x": column}))
    assert made["x"].to_list() == expected
    assert [type(value) for value in made["x"]] == [type(value) for value in expected]


def test_each_column_takes_what_it_can_hold(apply):
    frame = pl.DataFrame({"n": [1, -1], "s": ["?", "-1"], "d": pl.Series([0, 1]).cast(pl.Date)})
    made = apply(replace({"?": None, -1: None}), frame)
    assert made.rows() == [(1, None, frame["d"][0]), (None, None, frame["d"][1])]


def test_a_value_that_no_column_can_hold_is_named():
    with pytest.raises(DataError, match=r"`replace` is given 'abc', which no chosen column can hold. Correct its"):
        replace({"abc": None, 1: 2}).fit(pl.LazyFrame({"x": [1], "y": [2.0]}))


def test_a_replacement_of_another_type_is_refused():
    with pytest.raises(DataError, match=r"column 'x': `replace` can't put this for 1 in a column of whole numbers"):
        replace({1: "one"}).fit(pl.LazyFrame({"x": [1]}))
    with pytest.raises(DataError, match=r"can't put this for true in a column of true and false .found 1"):
        replace({True: 1}).fit(pl.LazyFrame({"x": [True]}))


def test_big_integers_keep_their_digits(apply):
    big = 2**63 + 12345
    frame = pl.DataFrame({"x": pl.Series([big, 5], dtype=pl.UInt64)})
    assert apply(replace({5: big + 1}), frame)["x"].to_list() == [big, big + 1]


def test_settings_survive_being_written_and_read(refused):
    step = replace({-999: None, True: False, "a": "b"})
    assert step.as_recipe() == {
        "type": "replace",
        "columns": "all",
        "values": {"-999": None, "true": False, "a": "b"},
    }
    assert Replace.model_validate({"values": step.as_recipe()["values"]}) == step
    assert "null on the left means a missing value" in refused(Replace, {"values": {None: 1}})
    assert "at least 1 item" in refused(Replace, {"values": {}})
    assert "valid dictionary" in refused(Replace, {"values": ["a"]})
