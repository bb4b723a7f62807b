import polars as pl

from recipeline_plugins.preprocessing.drop_columns import DropColumns


def test_the_columns_are_gone_and_the_rows_are_not(apply):
    made = apply(DropColumns(columns=["a", "b"]), pl.DataFrame({"a": [1, None], "b": ["x", "unseen"]}))
    assert made.shape == (2, 0)


def test_the_columns_have_to_be_named(refused):
    assert refused(DropColumns, {}) == "Field required"
