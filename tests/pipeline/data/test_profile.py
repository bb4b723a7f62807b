"""The profile of the train rows."""

import json
from datetime import date

import polars as pl

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
