"""Rows come batch by batch, and what is counted of words is what it would be of all at once."""

import numpy as np
import polars as pl
import pytest

from recipeline.data import batched
from recipeline.data.batched import Batched, Words, of_table


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batched, "BATCH_ROWS", 4)


def test_the_chosen_rows_come_in_their_order():
    frame = pl.LazyFrame({"n": range(10), "w": list("abcdefghij")})
    every_third = np.arange(10) % 3 == 0
    found = list(Batched(frame, every_third).of(["n"]))
    assert [batch["n"].to_list() for batch in found] == [[0, 3], [6], [9]]
    assert [batch.height for batch in Batched(frame).of(["n", "w"])] == [4, 4, 2]
    assert Batched(frame, every_third).height == 4
    assert Batched(frame).height == 10
    assert list(Batched(frame).of([])) == []


def test_words_are_counted_over_all_batches():
    cells = ["aa", None, "b", "aa", None, None, None, None, "b", "ccc"]
    words = Words()
    for batch in Batched(pl.LazyFrame({"w": cells})).of(["w"]):
        words.add(batch["w"])
    assert (words.filled, words.letters, words.first, words.distinct) == (5, 9, "aa", 3)
    assert Words().distinct == 0


def test_rows_of_a_file_come_as_those_in_memory(tmp_path):
    table = pl.DataFrame({"n": range(10), "w": list("abcdefghij")})
    table.write_ipc(tmp_path / "table.arrow", record_batch_size=3)
    chosen = np.arange(10) % 4 != 1
    for mask in (None, chosen):
        found = of_table(tmp_path / "table.arrow", mask)
        assert pl.concat(found.of(["w", "n"])).equals(pl.concat(Batched(table.lazy(), mask).of(["w", "n"])))
        assert found.height == Batched(table.lazy(), mask).height
