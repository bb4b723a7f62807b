import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.split.column import ColumnSplit


def assign(cells, **settings):
    return ColumnSplit(column="fold", **settings).assign(pl.DataFrame({"fold": cells}), ("y",), 0).to_list()


def test_the_words_themselves():
    words = ["test", "train", "validation"]
    assert assign(words) == words


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"train": [2019, 2020], "test": [2021]}, [2019, 2020, 2021]),
        ({"train": [2019, 2020], "test": [2021]}, [2019.0, 2020.0, 2021.0]),
        ({"train": [2019, 2020], "test": [2021]}, ["2019", "2020", "2021"]),
        ({"train": ["a", "b"], "test": ["c"]}, pl.Series(["a", "b", "c"], dtype=pl.Categorical)),
    ],
)
def test_values_say_what_stands_for_a_part(values, column):
    assert assign(column, values=values) == ["train", "train", "test"]


def test_true_and_false_may_stand_for_parts():
    assert assign([True, False], values={"test": [True], "train": [False]}) == ["test", "train"]


def test_parts_are_those_that_values_names():
    split = ColumnSplit(column="fold", values={"train": ["a"], "test": ["b"]})
    assert [split.has(part) for part in ("train", "validation", "test")] == [True, False, True]
    assert all(ColumnSplit(column="fold").has(part) for part in ("train", "validation", "test"))


def test_the_column_is_needed_and_hidden():
    split = ColumnSplit(column="fold")
    assert split.needs(("y",)) == split.hides() == ("fold",)


def test_other_values_are_refused_by_row():
    with pytest.raises(DataError) as caught:
        assign(["train", "dev", None, "test", "dev", "validation"])
    assert str(caught.value) == (
        "row 2, column 'fold': this value stands for no part (found 'dev', in 2 rows). Known are: train, validation, "
        "test. Add it to `values`, or write others: leave_out.\n"
        "row 3, column 'fold': this value stands for no part (found a missing value). Known are: train, validation, "
        "test. Add it to `values`, or write others: leave_out."
    )


def test_other_values_may_be_left_out():
    assert assign(["train", "dev", None], others="leave_out") == ["train", None, None]


def test_not_more_than_ten_strange_values_are_told():
    with pytest.raises(DataError) as caught:
        assign([str(i) for i in range(100)])
    assert len(caught.value.problems) == 10


def test_settings_survive_being_written_and_read():
    split = ColumnSplit(column="fold", values={"train": [1, True, "a"], "test": [2.5]})
    assert ColumnSplit.model_validate({k: v for k, v in split.as_recipe().items() if k != "type"}) == split
    assert [type(value) for value in split.values["train"]] == [int, bool, str]


def test_settings(refused):
    assert "Field required" in refused(ColumnSplit, {})
    assert "values has to name what stands for train" in refused(ColumnSplit, {"column": "c", "values": {"test": [1]}})
    assert "values names nothing for test" in refused(
        ColumnSplit, {"column": "c", "values": {"train": [1], "test": []}}
    )
    assert "values names 1 twice: a value has one part" in refused(
        ColumnSplit, {"column": "c", "values": {"train": [1], "test": ["1"]}}
    )
    assert "'train', 'validation' or 'test'" in refused(ColumnSplit, {"column": "c", "values": {"dev": [1]}})
