import polars as pl

from recipeline_plugins.preprocessing.drop_duplicates import DropDuplicates


def kept(frame, columns=None):
    return frame.lazy().filter(DropDuplicates().keep(columns or frame.columns)).collect()


def test_the_first_of_equal_rows_stays():
    frame = pl.DataFrame({"i": [0, 1, 2, 3], "a": [1, 1, 2, 1], "b": ["x", "x", "x", "y"]})
    assert kept(frame, ["a", "b"])["i"].to_list() == [0, 2, 3]


def test_missing_values_are_equal():
    nan = float("nan")
    frame = pl.DataFrame({"i": [0, 1, 2, 3, 4], "a": [None, None, nan, nan, 0.0], "b": [1, 1, 1, 1, 1]})
    assert kept(frame, ["a", "b"])["i"].to_list() == [0, 2, 4]


def test_lists_can_be_equal_too():
    assert kept(pl.DataFrame({"a": [[1, 2], [1, 2], [2, 1]]})).height == 2


def test_only_the_train_part_loses_rows_and_serving_none(apply):
    assert DropDuplicates().parts == ["train"]
    frame = pl.DataFrame({"a": [1, 1, None]})
    assert apply(DropDuplicates(), frame).equals(frame)


def test_empty_and_single():
    assert kept(pl.DataFrame({"a": [1]})).height == 1
    assert kept(pl.DataFrame({"a": [1]}).clear()).height == 0
