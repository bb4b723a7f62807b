"""The profile of the train rows."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from recipeline.data import batched
from recipeline.data import profile as profiling
from recipeline.data.batched import Batched
from recipeline.data.profile import profile
from recipeline.families.spec import Role


def test_each_kind_of_column_is_described() -> None:
    rows = pl.LazyFrame(
        {
            "n": [1, None, 3],
            "w": ["b", "a", None],
            "t": [True, False, True],
            "d": [date(2024, 1, 1), None, date(2024, 3, 1)],
        }
    )
    roles: dict[str, Role] = {"n": "numeric", "w": "categorical", "t": "boolean", "d": "datetime"}
    found = profile(Batched(rows), list(roles), roles)
    assert json.loads(json.dumps(found)) == {
        "n": {"role": "numeric", "type": "Int64", "missing": 1, "min": 1, "max": 3, "mean": 2.0},
        "w": {"role": "categorical", "type": "String", "missing": 1, "distinct": 2, "top": {"a": 1, "b": 1}},
        "t": {"role": "boolean", "type": "Boolean", "missing": 0, "true": 2},
        "d": {"role": "datetime", "type": "Date", "missing": 1, "min": "2024-01-01", "max": "2024-03-01"},
    }


def test_the_most_frequent_words_come_first() -> None:
    words = [f"w{number:02}" for number in range(15) for _ in range(number + 1)]
    top = profile(Batched(pl.LazyFrame({"w": words})), ["w"], {"w": "categorical"})["w"]["top"]
    assert list(top)[:2] == ["w14", "w13"]
    assert len(top) == 10


@pytest.mark.parametrize("together", [0, 100])
@pytest.mark.parametrize(
    "chosen",
    [None, [True] * 6, [True, True, False, True, True, False], [False, True, True, True, True, True]],
)
def test_words_known_of_all_rows_are_only_looked_at_in_the_others(
    chosen: list[bool] | None, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "TOGETHER", together)
    monkeypatch.setattr(batched, "BATCH_ROWS", 2)
    table = pl.DataFrame({"w": ["rare", "a", "b", None, "a", "b"], "none": pl.Series([None] * 6, dtype=pl.String)})
    roles: dict[str, Role] = {"w": "categorical", "none": "categorical"}
    rows = Batched(table.lazy(), None if chosen is None else np.array(chosen))
    counted = {name: table[name].drop_nulls().alias("word").value_counts(name="rows") for name in roles}
    looked_at = []
    add = profiling._Frequent.add
    monkeypatch.setattr(
        profiling._Frequent, "add", lambda self, column: looked_at.append(len(column)) or add(self, column)
    )
    plain = profile(rows, list(roles), roles)
    meant, looked_at[:] = sum(looked_at), []
    assert profile(rows, list(roles), roles, counted) == plain
    assert meant + sum(looked_at) == 12


def test_where_few_rows_are_meant_they_are_looked_at() -> None:
    rows = Batched(pl.LazyFrame({"w": ["a", "b", "a"]}), np.array([True, False, False]))
    wrong = {"w": pl.DataFrame({"word": ["never"], "rows": [3]})}
    assert profile(rows, ["w"], {"w": "categorical"}, wrong)["w"]["top"] == {"a": 1}
