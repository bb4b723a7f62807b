import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.split import random
from recipeline_plugins.split.random import RandomSplit

TARGET = ("y",)


def rows(values):
    return pl.DataFrame({"y": values})


def sizes(parts):
    return [int((parts == part).sum()) for part in ("train", "validation", "test")]


@pytest.mark.parametrize("stratify", [True, False, "auto"])
@pytest.mark.parametrize("number", [1, 7, 10, 333, 1000])
def test_sizes_are_exact(stratify, number):
    split = RandomSplit(train=0.6, validation=0.3, test=0.1, stratify=stratify)
    values = rows([("a", "b", "b")[i % 3] for i in range(number)])
    expected = {1: [1, 0, 0], 7: [4, 2, 1], 10: [6, 3, 1], 333: [200, 100, 33], 1000: [600, 300, 100]}
    assert sizes(split.assign(values, TARGET, 0)) == expected[number]


@pytest.mark.parametrize("stratify", [True, "auto"])
def test_every_class_has_its_share_within_one_row(stratify):
    values = rows(["a"] * 101 + ["b"] * 17 + ["c"] * 3 + ["d"])
    parts = RandomSplit(stratify=stratify).assign(values, TARGET, 3)
    assert sizes(parts) == [86, 18, 18]
    for label, count in (("a", 101), ("b", 17), ("c", 3), ("d", 1)):
        got = sizes(parts.filter(values["y"] == label))
        assert all(abs(n - count * share) < 1 for n, share in zip(got, (0.7, 0.15, 0.15), strict=True))


def test_without_stratifying_classes_fall_as_they_may():
    values = rows(["a"] * 50 + ["b"] * 50)
    rates = {sizes(RandomSplit(stratify=False).assign(values, TARGET, seed).head(50))[2] for seed in range(20)}
    assert len(rates) > 2
    assert RandomSplit(stratify=False).needs(TARGET) == ()
    assert RandomSplit(stratify=False).assign(pl.DataFrame(height=10), TARGET, 0).len() == 10


def test_a_continuous_target_is_stratified_by_ranges_only_when_asked():
    values = rows(np.arange(1000.0) ** 3)
    parts = RandomSplit(stratify=True).assign(values, TARGET, 0)
    for tenth in range(10):
        assert sizes(parts.slice(tenth * 100, 100)) == [70, 15, 15]
    auto = RandomSplit(stratify="auto").assign(values, TARGET, 0)
    assert auto.to_list() == RandomSplit(stratify=False).assign(values, TARGET, 0).to_list()


def test_few_whole_numbers_are_classes_and_many_are_not():
    few = rows([i % 20 for i in range(400)])
    parts = RandomSplit().assign(few, TARGET, 0)
    assert all(sizes(parts.filter(few["y"] == label)) == [14, 3, 3] for label in range(20))
    many = rows(list(range(400)))
    assert RandomSplit().assign(many, TARGET, 0).equals(RandomSplit(stratify=False).assign(many, TARGET, 0))


def test_several_targets_are_stratified_by_their_combinations():
    values = pl.DataFrame({"u": [True, True, False, False] * 100, "v": ["a", "b"] * 200})
    parts = RandomSplit(stratify=True).assign(values, ("u", "v"), 0)
    for u in (True, False):
        for v in ("a", "b"):
            assert sizes(parts.filter((values["u"] == u) & (values["v"] == v))) == [70, 15, 15]


def test_a_missing_target_is_a_class_of_its_own():
    values = rows(["a"] * 20 + [None] * 20)
    parts = RandomSplit(stratify=True).assign(values, TARGET, 0)
    assert sizes(parts.tail(20)) == [14, 3, 3]
    assert RandomSplit(stratify=True).assign(rows([None, float("nan"), 1.0]), TARGET, 0).len() == 3


def test_the_seed_decides_and_a_seed_of_its_own_wins():
    values = rows(["a", "b"] * 50)
    of = {seed: RandomSplit().assign(values, TARGET, seed).to_list() for seed in (0, 1)}
    assert of[0] != of[1]
    assert of[0] == RandomSplit().assign(values, TARGET, 0).to_list()
    assert RandomSplit(seed=1).assign(values, TARGET, 0).to_list() == of[1]


def test_another_process_with_another_hash_seed_draws_the_same():
    code = (
        "import polars as pl; from recipeline_plugins.split.random import RandomSplit;"
        "rows = pl.DataFrame({'y': [('x', 'y', 'z')[i % 3] for i in range(60)]});"
        "print(''.join(p[0] for p in RandomSplit(stratify=True).assign(rows, ('y',), 5)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 60


def test_parts_of_share_zero_are_not_made():
    split = RandomSplit(train=0.8, validation=0, test=0.2)
    assert [split.has(part) for part in ("train", "validation", "test")] == [True, False, True]
    assert sizes(split.assign(rows(["a"] * 10), TARGET, 0)) == [8, 0, 2]


def test_settings(refused):
    assert "train, validation and test have to sum to 1, but 0.8 + 0.15 + 0.15 is 1.1" in refused(
        RandomSplit, {"train": 0.8}
    )
    assert "0.333 + 0.333 + 0.333 is 0.999" in refused(
        RandomSplit, {"train": 0.333, "validation": 0.333, "test": 0.333}
    )
    assert "greater than 0" in refused(RandomSplit, {"train": 0.0, "validation": 0.5, "test": 0.5})
    assert "greater than or equal to 0" in refused(RandomSplit, {"validation": -0.1})
    assert "valid boolean" in refused(RandomSplit, {"stratify": "yes"})


def test_texts_that_hardly_repeat_are_dealt_out_by_lot_alone() -> None:
    texts = pl.DataFrame({"y": [f"{'ABCDEFGHIJ'[row // 100]}{row}" for row in range(1000)]})
    parts = RandomSplit().assign(texts, ("y",), 0)
    first = texts["y"].str.slice(0, 1)
    shares = pl.DataFrame({"first": first, "part": parts}).group_by("first").agg((pl.col("part") == "train").mean())
    assert shares["part"].is_between(0.5, 0.9).all()  # not one letter to the train part, the next to the others
    assert parts.to_list() == RandomSplit(stratify=False).assign(texts, ("y",), 0).to_list()
    with pytest.raises(
        DataError, match=r"texts hardly repeat.*found 1,000 different ones in 1,000 rows.*stratify: false"
    ):
        RandomSplit(stratify=True).assign(texts, ("y",), 0)
    twice = pl.concat([texts, texts])
    assert RandomSplit(stratify=True).assign(twice, ("y",), 0).len() == 2000


@pytest.mark.parametrize("sizes", [[7, 2, 1], [10, 0, 0], [0, 10, 0], [0, 0, 10], [5, 0, 5]])
@pytest.mark.parametrize("lots", [np.random.default_rng(0).random(10), np.repeat(0.5, 10), np.array([0.1, 0.2] * 5)])
def test_rows_are_dealt_out_in_the_order_of_their_lots(sizes, lots):
    expected = np.empty(10, dtype=np.uint8)
    expected[np.argsort(lots, kind="stable")] = np.repeat([0, 1, 2], sizes)
    assert np.array_equal(random._dealt(lots, np.array(sizes)), expected)


@pytest.mark.parametrize("rank", [0, 1, 700, 1600, 1998, 1999])
@pytest.mark.parametrize("spread", [random.SPREAD, 0.01])
def test_the_lot_of_a_rank_is_found_also_where_lots_are_not_even(rank, spread, monkeypatch):
    monkeypatch.setattr(random, "SPREAD", spread)
    even = np.random.default_rng(1).random(2000)
    for lots in (even, even**4, even / 2, np.round(even, 2)):
        assert random._of_rank(lots, rank) == np.sort(lots)[rank]
