from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from recipeline import DataError, RecipeError, load_recipe
from recipeline.recipe.defaults import fill
from recipeline.recipe.load import parse
from recipeline_plugins.source.csv import CsvSource
from recipeline_plugins.source.windows import Windows
from recipeline_plugins.split.time import TimeSplit

DAY_ONE = date(2024, 1, 1)
DAYS = [DAY_ONE + timedelta(days=i) for i in range(8)]


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
        ({"day": [1, 2, 3], "y": [1, 2, 3]}, {"length": 3}, "finds no 4 values in a row.*3 steps"),
    ],
)
def test_refuses_with_words(windows, table, settings, words):
    with pytest.raises(DataError, match=words):
        windows(table, **settings).scan().collect()


SHOPS = {
    "day": [1, 2, 3, 4, 5, 2, 3, 5, 6],
    "shop": ["oslo"] * 5 + ["bern"] * 4,
    "y": [10.0, 20.0, 30.0, 40.0, 50.0, 2.0, 3.0, 5.0, 6.0],
}


def test_no_window_reaches_from_one_series_into_another(windows):
    """On one calendar: bern has no row on day 4, where oslo has one, and so a missing value."""
    made = windows(SHOPS, group="shop", length=2)
    found = made.scan().collect()
    assert found.columns == ["day", "shop", "history", "t+1"]
    assert found.rows() == [
        (4, "bern", [3.0, 3.0], 5.0),
        (5, "bern", [3.0, 5.0], 6.0),
        (2, "oslo", [10.0, 20.0], 30.0),
        (3, "oslo", [20.0, 30.0], 40.0),
        (4, "oslo", [30.0, 40.0], 50.0),
    ]
    assert made.separates() == "shop"
    assert made.notes() == (
        "The times in 'day' are not equally far apart: most often 1, but 1 of 7 times another distance, at most 2 (up "
        "to 5). Each row counts as one step. To have missing values where rows are missing, set every: 1.",
        "1 step has no row between the first and the last of its series: missing values.",
        "1 of 6 windows are left out: a target is missing, or all values before.",
    )


def test_series_that_are_too_short_are_told(windows):
    made = windows(SHOPS | {"shop": ["oslo"] * 8 + ["rome"], "day": range(9)}, group="shop", length=2)
    made.scan().collect()
    assert "1 of 2 series have no whole window of 3 steps: rome." in made.notes()


def test_strides_are_steps_of_the_calendar(windows):
    """So that two series that begin at different times have their windows at the same moments."""
    days = [*range(9), *range(3, 9)]
    table = {"day": days, "shop": ["a"] * 9 + ["b"] * 6, "y": days}
    made = windows(table, group="shop", length=2, stride=3)
    assert made.scan().select("day", "shop").collect().rows() == [(1, "a"), (4, "a"), (7, "a"), (4, "b"), (7, "b")]
    assert [windows(table, horizon=h, gap=g, stride=3).overlap() for h, g in ((1, 0), (3, 0), (4, 0), (4, 3))] == [
        0,
        0,
        1,
        2,
    ]


def test_rows_that_are_missing_become_missing_values(windows):
    days = [date(2024, 1, day) for day in (1, 2, 4, 5, 6)]
    made = windows({"day": days, "y": [1.0, 2.0, 4.0, 5.0, 6.0]}, length=2, every="1d")
    found = made.scan().collect()
    assert found.rows() == [
        (days[2] - timedelta(1), [2.0, 2.0], 4.0),
        (days[2], [2.0, 4.0], 5.0),
        (days[3], [4.0, 5.0], 6.0),
    ]
    assert "1 step has no row between" in made.notes()[0]
    assert windows({"day": [1, 3, 4, 5], "y": [1, 3, 4, 5]}, length=1, every="1").scan().collect()["day"].to_list() == [
        2,
        3,
        4,
    ]


def test_months_are_equally_far_apart_and_days_with_holes_are_told(windows):
    months = [date(2024, month, 1) for month in range(1, 9)]
    made = windows({"day": months, "y": range(8)}, length=2)
    made.scan().collect()
    assert made.notes() == ()
    made = windows({"day": [*DAYS[:4], *DAYS[6:]], "y": range(6)}, length=2)
    made.scan().collect()
    assert "most often 1 day, but 1 of 5 times another distance, at most 3 days (up to 2024-01-07)" in made.notes()[0]
    assert "set every: 1d" in made.notes()[0]
    made = windows({"day": [DAY_ONE + timedelta(days=i * i) for i in range(8)], "y": range(8)}, length=2)
    made.scan().collect()
    assert "set `every` to the unit that you forecast in" in made.notes()[0]


@pytest.mark.parametrize(
    ("times", "settings", "first"),
    [
        (["2024-01-01T00:30:00+02:00", "2024-01-01T00:30:00+01:00", "2024-01-01T01:00:00Z"], {}, "2023-12-31T23:30:00"),
        (["2024-01-01 06:00", "2024-01-01 07:00", "2024-01-01 08:00"], {}, "2024-01-01T07:00:00"),
        (["2024-01", "2024-02", "2024-03"], {}, "2024-02-01T00:00:00"),
        (["31.01.2024", "01.02.2024", "02.02.2024"], {"time_format": "%d.%m.%Y"}, "2024-02-01T00:00:00"),
        (["Jan 2024", "Feb 2024", "Mar 2024"], {"time_format": "%b %Y"}, "2024-02-01T00:00:00"),
        ([20240131, 20240201, 20240202], {"time_format": "%Y%m%d"}, "2024-02-01T00:00:00"),
    ],
)
def test_times_in_words(windows, times, settings, first):
    found = windows({"day": times, "y": [1, 2, 3]}, length=2, **settings).scan().collect()
    assert found["day"].dt.to_string("%Y-%m-%dT%H:%M:%S").to_list() == [first]


@pytest.mark.parametrize(
    ("table", "settings", "words"),
    [
        (
            {"day": ["31.01.2024"] * 2, "y": [1, 2]},
            {},
            r"a time in every row.*'31.01.2024', and 1 more.*time_format: '%d",
        ),
        ({"day": ["1/31/2024"] * 2, "y": [1, 2]}, {"time_format": "%d.%m.%Y"}, r"Expected dates such as 31.12.2024"),
        ({"day": ["x"], "y": [1]}, {"time_format": "%Y-%m-%d %H"}, "this is no form of a date"),
        (
            {"day": [1, 1, 1], "y": [1, 2, 3]},
            {},
            r"row 2, column 'day'.*1 a second time, and 1 more rows.*apart: group",
        ),
        (SHOPS | {"day": [1] * 9}, {"group": "shop"}, "row 2, .*one row for each time of a series.*for 'oslo'"),
        (SHOPS | {"shop": ["a"] * 4 + [""] + ["a"] * 4}, {"group": "shop"}, "row 5, column 'shop'.*which series"),
        (
            {"day": DAYS, "y": range(8)},
            {"every": "1w", "length": 1},
            "row 2, .*2024-01-01 a second.*finer unit than every: 1w",
        ),
        ({"day": DAYS, "y": range(8)}, {"every": "1h"}, "'day' holds days.*found 1h.*For days there are: 1d"),
        ({"day": DAYS, "y": range(8)}, {"every": "7"}, "'day' holds days"),
        ({"day": range(8), "y": range(8)}, {"every": "1d"}, "'day' holds numbers.*For numbers there are: 1, 10"),
        ({"day": [0, 10**9], "y": [1, 2]}, {"every": "1"}, "far more steps than rows.*1,000,000,001 steps, 2 rows"),
    ],
)
def test_mistakes_in_times_and_groups_are_named(windows, table, settings, words):
    with pytest.raises(DataError, match=words):
        windows(table, **{"length": 2, **settings}).scan().collect()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every": "daily"}, "pattern"),
        ({"stride": 0}, "greater than 0"),
        ({"group": "y"}, "stands twice"),
        ({"group": "history"}, "'history' is a column that the windows make"),
    ],
)
def test_settings_that_are_none(windows, settings, words):
    with pytest.raises(ValidationError, match=words):
        windows({"day": range(8), "y": range(8)}, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"group": "shop"},
        {"group": "shop", "horizon": 4, "gap": 2},
        {"horizon": 5, "stride": 2},
        {"group": "shop", "horizon": 3, "stride": 4},
        {"group": "shop", "every": "1d", "horizon": 2},
    ],
)
def test_no_value_that_a_part_is_judged_by_is_in_a_window_of_an_earlier_one(windows, settings):
    """Each value is its own day's number, so that a window shows which days it has seen."""
    rng = np.random.default_rng(0)
    days = {"oslo": np.arange(100), "bern": np.sort(rng.choice(np.arange(20, 120), 80, replace=False))}
    names = ["oslo", "bern"] if "group" in settings else ["oslo"]
    rows = [(date(2024, 1, 1) + timedelta(days=int(day)), name, float(day)) for name in names for day in days[name]]
    table = dict(zip(("day", "shop", "y"), map(list, zip(*rows, strict=True)), strict=True))
    made = windows(table, length=6, **settings)
    found = made.scan().collect()
    how = TimeSplit(column="day", train=0.6, validation=0.2, test=0.2, gap=made.overlap() or 0)
    part = how.assign(found.select("day"), ("t+1",), 0)
    seen, judged = {}, {}
    for name in ("train", "validation", "test"):
        rows = found.filter(part == name)
        targets = rows.select(made.targets())
        seen[name] = max(rows["history"].list.max().max(), targets.max_horizontal().max())
        judged[name] = targets.min_horizontal().min()
    assert seen["train"] < judged["validation"]
    assert seen["validation"] < judged["test"]
    assert part.drop_nulls().n_unique() == 3


def test_rows_that_are_steps_apart_are_not_measured_by_mase(tmp_path):
    path = recipe(tmp_path, "  split: {type: time, column: day, gap: 2}\n")
    path.write_text(path.read_text().replace("horizon: 3", "horizon: 3, stride: 2") + "metrics: [mase]\n")
    with pytest.raises(
        RecipeError, match=r"'mase' can't be used together with 'stride' of the source 'windows': its rows"
    ):
        load_recipe(path)
    open_ = parse(path.read_text().replace("metrics: [mase]", ""), "r.yaml", folder=tmp_path).recipe
    filled = fill(open_, "forecasting", {"history": "series"})
    assert [metric.plugin_name for metric in filled.metrics or ()] == ["rmse", "mae"]


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
