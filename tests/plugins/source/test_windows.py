from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from recipeline import DataError, RecipeError, load_recipe
from recipeline_plugins.source.csv import CsvSource
from recipeline_plugins.source.windows import Windows

DAYS = [date(2024, 1, 1) + timedelta(days=i) for i in range(8)]


@pytest.fixture
def windows(tmp_path):
    """Windows of a table, which is written as CSV."""

    def build(table: dict[str, Any], **settings: Any) -> Windows:
        pl.DataFrame(table).write_csv(tmp_path / "series.csv")
        source = {"type": "csv", "path": str(tmp_path / "series.csv")}
        return Windows.model_validate({"of": source, "time": "day", "value": "y", **settings})

    return build


def test_every_window_has_its_past_and_its_future(windows):
    """In the order of time, whatever the order of the rows."""
    order = [3, 0, 7, 1, 6, 2, 5, 4]
    made = windows({"day": [DAYS[i] for i in order], "y": [float(i) for i in order]}, length=3, horizon=2)
    found = made.scan().collect()
    assert found.columns == ["day", "history", "t+1", "t+2"]
    assert found["day"].to_list() == DAYS[2:6]
    assert found["history"].to_list() == [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [3.0, 4.0, 5.0]]
    assert found.select("t+1", "t+2").rows() == [(3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0)]
    assert made.notes() == ()


def test_a_gap_is_left_between_past_and_future(windows):
    found = windows({"day": range(8), "y": range(8)}, length=2, horizon=1, gap=3).scan().collect()
    assert found.columns == ["day", "history", "t+4"]
    assert found.rows() == [(1, [0.0, 1.0], 5.0), (2, [1.0, 2.0], 6.0), (3, [2.0, 3.0], 7.0)]


def test_further_columns_are_channels_and_the_first_is_forecast(windows):
    table = {"day": range(4), "y": range(4), "x": [9, 8, 7, 6]}
    found = windows(table, value=["y", "x"], length=2, horizon=1).scan().collect()
    assert found.schema["history"] == pl.List(pl.Array(pl.Float64, 2))
    assert found.rows() == [(1, [[0.0, 9.0], [1.0, 8.0]], 2.0), (2, [[1.0, 8.0], [2.0, 7.0]], 3.0)]


def test_missing_values_are_carried_on_in_the_past_and_never_a_target(windows):
    made = windows({"day": range(7), "y": [None, 1.0, 2.0, None, 4.0, 5.0, 6.0]}, length=2, horizon=1)
    found = made.scan().collect()
    assert found.rows() == [(3, [2.0, 2.0], 4.0), (4, [2.0, 4.0], 5.0), (5, [4.0, 5.0], 6.0)]
    assert made.notes() == ("2 of 5 windows are left out: a target is missing, or all values before.",)


def test_asks_for_columns_rows_and_conditions(windows):
    rows = windows({"day": range(9), "y": range(9)}, length=2).scan()
    assert rows.select("t+1").head(2).collect().rows() == [(2.0,), (3.0,)]
    assert rows.filter(pl.col("day") > 5).head(1).select("day").collect().rows() == [(6,)]


def test_the_fingerprint_knows_the_rows_and_the_settings(windows):
    table = {"day": range(9), "y": range(9)}
    first = windows(table, length=2).fingerprint()
    assert windows(table, length=2).fingerprint() == first
    assert windows(table, length=3).fingerprint() != first
    assert windows(table | {"y": range(1, 10)}, length=2).fingerprint() != first


@pytest.mark.parametrize(
    ("table", "settings", "words"),
    [
        ({"day": [1, 2], "y": [1, 2]}, {"time": "d"}, "needs a column 'd', which isn't there.*day, y"),
        ({"day": [1, 2], "y": ["a", "b"]}, {}, "needs numbers in 'y'"),
        ({"day": ["x", "y"], "y": [1, 2]}, {}, "needs a time in every row.*'x'"),
        ({"day": [1, 1], "y": [1, 2]}, {}, "one row for each time"),
        ({"day": [1, 2, 3], "y": [1, 2, 3]}, {"length": 3}, "finds no 4 values in a row.*3 rows"),
    ],
)
def test_refuses_with_words(windows, table, settings, words):
    with pytest.raises(DataError, match=words):
        windows(table, **settings).scan().collect()


def recipe(tmp_path, split: str, **settings: int) -> Any:
    """A recipe that forecasts two days."""
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(60)]
    pl.DataFrame({"day": days, "y": np.sin(np.arange(60))}).write_csv(tmp_path / "series.csv")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "recipe: 1\nname: x\n"
        "data:\n"
        "  source: {type: windows, of: {type: csv, path: series.csv}, time: day, value: y, length: 5, horizon: 3}\n"
        "  target: [t+1, t+2, t+3]\n  task: forecasting\n  columns: {day: ignore}\n"
        f"{split}"
        "architecture: gru\n"
    )
    return path


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("", r"the usual split at random would show .*type: time, column: NAME, gap: 2"),
        ("  split: random\n", r"the split 'random' would show the test part's values"),
        ("  split: {type: time, column: day, gap: 1}\n", r"reach 2 rows into the next one \(found 1\). Set gap: 2"),
    ],
)
def test_a_split_that_would_leak_is_refused(tmp_path, split, words):
    with pytest.raises(RecipeError, match=words):
        load_recipe(recipe(tmp_path, split))


def test_no_part_learns_from_what_the_next_one_forecasts(tmp_path):
    made = load_recipe(recipe(tmp_path, "  split: {type: time, column: day, gap: 2}\n"))
    rows = made.data.source.scan().collect().with_row_index("origin")
    assert made.data.split is not None
    parts = made.data.split.assign(rows.select("day"), ("t+1",), 0)
    last, first = (rows.filter(parts == part)["origin"] for part in ("train", "validation"))
    assert last.max() + 3 <= first.min()  # the last target of train is known when validation forecasts
    assert parts.null_count() == 4
    assert set(parts.drop_nulls()) == {"train", "validation", "test"}


def test_hands_on_to_the_inner_source(tmp_path, windows):
    made = windows({"day": DAYS, "y": range(8)}, length=2)
    assert made.location() == CsvSource(path=str(tmp_path / "series.csv")).location()
    made.expect({"day": "ignore", "y": "numeric"})
    assert made.scan().collect().height == 6


@pytest.mark.parametrize("value", ["day", ["y", "y"], ["y", "day"]])
def test_a_column_plays_one_part(windows, value):
    with pytest.raises(ValidationError, match="stands twice"):
        windows({"day": range(8), "y": range(8)}, value=value)
