import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.split.group import GroupSplit


def assign(groups, recipe_seed=0, **settings):
    return GroupSplit(column="g", **settings).assign(pl.DataFrame({"g": groups}), ("y",), recipe_seed)


def sizes(parts):
    return [int((parts == part).sum()) for part in ("train", "validation", "test")]


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_sizes_come_near(seed):
    groups = np.random.default_rng(seed).integers(0, 60, 1000)
    parts = assign(groups, seed)
    by_group = pl.DataFrame({"g": groups, "part": parts}).group_by("g").agg(pl.col("part").n_unique())
    assert by_group["part"].max() == 1
    largest = np.bincount(groups).max()
    assert np.abs(np.array(sizes(parts)) - [700, 150, 150]).max() <= largest / 2


def test_groups_of_equal_size_are_divided_exactly():
    assert sizes(assign([f"g{i % 20}" for i in range(200)])) == [140, 30, 30]


def test_every_part_gets_a_group_however_uneven_they_are():
    parts = assign(["big"] * 98 + ["small", "tiny"])
    assert sizes(parts) == [98, 1, 1]
    assert sizes(assign(["a", "b", "c"], train=0.98, validation=0.01, test=0.01)) == [1, 1, 1]


def test_a_part_of_share_zero_gets_no_group():
    assert sizes(assign(["a", "b", "c", "d"], train=0.75, validation=0, test=0.25)) == [3, 0, 1]


def test_the_seed_decides_and_a_seed_of_its_own_wins():
    groups = [f"g{i % 20}" for i in range(200)]
    assert assign(groups, 0).equals(assign(groups, 0))
    assert not assign(groups, 0).equals(assign(groups, 1))
    assert assign(groups, 0, seed=1).equals(assign(groups, 1))


def test_the_column_is_needed_and_hidden():
    assert GroupSplit(column="g").needs(("y",)) == GroupSplit(column="g").hides() == ("g",)


def test_too_few_groups_are_refused():
    with pytest.raises(DataError) as caught:
        assign(["a", "b"] * 10)
    assert str(caught.value) == (
        "column 'g': 3 parts need at least 3 groups (found 2). Choose another column, or set the share of a part to 0."
    )


def test_a_row_without_a_group_is_refused():
    with pytest.raises(
        DataError, match=r"row 3, column 'g': the split `group` needs a value in every row .found 2 mis"
    ):
        assign(["a", "b", None, "c", None])


def test_settings(refused):
    assert "Field required" in refused(GroupSplit, {})
    assert "have to sum to 1" in refused(GroupSplit, {"column": "g", "test": 0.5})
