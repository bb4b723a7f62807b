"""Values are counted over all batches, whatever they are."""

import polars as pl
import pytest

from recipeline_plugins.preprocessing import _counts
from recipeline_plugins.preprocessing._counts import counted


@pytest.mark.parametrize("together", [1, 1000])
@pytest.mark.parametrize("size", [2, 1000])
def test_each_value_has_its_count_and_so_has_missing(monkeypatch, size, together):
    monkeypatch.setattr(_counts, "BATCH_ROWS", size)
    monkeypatch.setattr(_counts, "TOGETHER", together)
    frame = pl.LazyFrame({"w": ["b", "a", None, "b", "b"], "n": [1.5, None, 1.5, -1.0, 1.5]})
    found = counted(frame, {"words": pl.col("w"), "numbers": pl.col("n")})
    assert found["words"].rows() == [(None, 1), ("a", 1), ("b", 3)]
    assert found["numbers"].rows() == [(None, 1), (-1.0, 1), (1.5, 3)]


def test_no_rows_and_no_columns_have_no_values():
    frame = pl.LazyFrame({"w": []}, schema={"w": pl.String})
    assert counted(frame, {"w": pl.col("w")})["w"].rows() == []
    assert counted(frame, {}) == {}
