from datetime import date, datetime, timedelta

import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.split.time import TimeSplit


def assign(times, **settings):
    return TimeSplit(column="t", **settings).assign(pl.DataFrame({"t": times}), ("y",), 0)


def sizes(parts):
    return [int((parts == part).sum()) for part in ("train", "validation", "test")]


@pytest.mark.parametrize(
    "times",
    [
        [datetime(2020, 1, 1) + timedelta(hours=i * 37 % 101) for i in range(101)],
        [date(2020, 1, 1) + timedelta(days=i * 37 % 101) for i in range(101)],
        [i * 37 % 101 for i in range(101)],
        [float(i * 37 % 101) for i in range(101)],
    ],
)
def test_the_oldest_train_and_the_newest_test_in_exact_sizes(times):
    parts = assign(times)
    assert sizes(parts) == [71, 15, 15]
    by = {part: [t for t, p in zip(times, parts, strict=True) if p == part] for part in ("train", "validation", "test")}
    assert max(by["train"]) < min(by["validation"])
    assert max(by["validation"]) < min(by["test"])


def test_equal_moments_stay_together_in_the_earlier_part():
    parts = assign([1, 2, 2, 2, 3, 4], train=0.5, validation=0.25, test=0.25)
    assert parts.to_list() == ["train", "train", "train", "train", "validation", "test"]


def test_a_part_of_share_zero_gets_no_row():
    assert sizes(assign(list(range(10)), train=0.8, validation=0, test=0.2)) == [8, 0, 2]


def test_the_column_is_needed_and_no_secret():
    assert TimeSplit(column="t").needs(("y",)) == ("t",)
    assert TimeSplit(column="t").hides() == ()


def test_words_are_refused_with_the_way_to_go():
    with pytest.raises(DataError) as caught:
        assign(["2020-01-01"])
    assert str(caught.value) == (
        "column 't': the split `time` sorts by dates or numbers (found String). Declare it in the recipe: "
        "data.columns: {t: datetime}."
    )


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_row_without_a_moment_is_refused(missing):
    with pytest.raises(
        DataError, match=r"row 2, column 't': the split `time` needs a value in every row .found 1 miss"
    ):
        assign([1.0, missing, 3.0])


def test_settings(refused):
    assert "Field required" in refused(TimeSplit, {})
    assert "have to sum to 1" in refused(TimeSplit, {"column": "t", "train": 0.5})


def test_a_gap_is_left_out_before_each_border():
    parts = assign([9, 0, 1, 2, 3, 4, 5, 6, 7, 8], train=0.5, validation=0.2, test=0.3, gap=1)
    by_time = [*parts.to_list()[1:], parts[0]]
    assert by_time == ["train"] * 4 + [None, "validation", None] + ["test"] * 3
    assert assign(range(10), train=0.5, validation=0.0, test=0.5, gap=2).to_list() == (
        ["train"] * 3 + [None] * 2 + ["test"] * 5
    )


def test_a_gap_counts_moments_not_rows():
    parts = assign([1, 2, 2, 2, 3, 4], train=0.7, validation=0.0, test=0.3, gap=1)
    assert parts.to_list() == ["train", None, None, None, "test", "test"]
    assert TimeSplit(column="t", gap=3).gap_rows() == 3
