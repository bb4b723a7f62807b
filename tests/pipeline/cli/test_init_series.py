"""What `init` writes for series: when a table is one, how far it looks back, and what it refuses with the fix."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from recipeline.cli.init import command
from recipeline.errors import DataError, RecipelineError, UsageError
from recipeline.recipe.load import load_recipe

DAY = date(2024, 1, 1)
HALVES = [0.5 * row for row in range(60)]
DAYS = [DAY + timedelta(days=day) for day in range(120)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(table: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """The source of what the command writes for this table."""
    text = recipe_text(table, *arguments)
    assert all(len(line) <= 120 for line in text.splitlines())
    return load_recipe("r.yaml").data.source.as_recipe()


def recipe_text(table: dict[str, Any], *arguments: str) -> str:
    pl.DataFrame(table).write_csv("sales.csv")
    given = ["sales.csv", "--target", "y", "-o", "r.yaml", "--force", *arguments]
    done = CliRunner().invoke(command, given, standalone_mode=False)
    if isinstance(done.exception, RecipelineError):
        raise done.exception
    assert done.exception is None, done.exception
    return Path("r.yaml").read_text()


@pytest.mark.parametrize(
    ("times", "settings"),
    [
        (DAYS, {"length": 15, "every": None}),
        ([DAYS[0] + timedelta(weeks=week) for week in range(500)], {"length": 60}),
        ([date(2000 + month // 12, 1 + month % 12, 1) for month in range(240)], {"length": 24}),
        ([f"{2000 + month // 12}-{1 + month % 12:02}" for month in range(240)], {"length": 24, "time_format": None}),
        ([datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(400)], {"length": 48}),
        ([day.strftime("%d.%m.%Y") for day in DAYS], {"length": 15, "time_format": "%d.%m.%Y"}),
        ([day for day in DAYS if day.day != 17], {"every": "1d"}),
    ],
)
def test_times_equally_far_apart_are_a_series(times: list[Any], settings: dict[str, Any]) -> None:
    found = written({"date": times, "y": [float(step % 7) for step in range(len(times))]})
    assert found["type"] == "windows"
    assert (found["time"], found["value"], found["horizon"]) == ("date", "y", 1)
    assert {key: found[key] for key in settings} == settings


def test_years_by_their_name() -> None:
    assert written({"year": range(1900, 2000), "y": range(100)})["time"] == "year"
    assert written({"age": range(100), "y": range(100)})["type"] == "csv"


@pytest.mark.parametrize(
    "table",
    [
        {"date": [DAY + timedelta(days=day * day) for day in range(60)], "y": HALVES, "x": range(60)},
        {"date": DAYS[:30] * 2, "y": HALVES, "x": range(60)},
        {"date": DAYS[:60], "y": ["no", "yes"] * 30, "x": range(60)},
    ],
    ids=["uneven", "twice", "classes"],
)
def test_other_tables_with_times_are_none(table: dict[str, Any]) -> None:
    assert written(table)["type"] == "csv"


def test_times_with_nothing_beside_but_the_target_are_a_series() -> None:
    """So that a mistake in them is named."""
    table: dict[str, Any] = {"date": [DAY + timedelta(days=day * day) for day in range(60)], "y": HALVES}
    assert written(table)["type"] == "windows"
    with pytest.raises(DataError, match=r"row 31, column 'date'.*a second time"):
        recipe_text({"date": DAYS[:30] * 2, "y": HALVES})
    zoned = [f"{day}T00:00:00+02:00" for day in DAYS]
    assert written({"date": zoned, "y": range(120)})["time"] == "date"
    with pytest.raises(DataError, match=r"row 51, .*a time in every row.*'soon'"):
        recipe_text({"date": [*map(str, DAYS[:50]), "soon", *map(str, DAYS[51:])], "y": range(120)})


def test_times_in_words_are_no_text() -> None:
    stamps = [f"{day}T06:00:00+02:00" for day in DAYS]
    text = recipe_text({"seen": stamps, "x": range(120), "y": ["a", "b"] * 60})
    assert "seen: ignore" in text
    assert "the step cast reads them as dates" in text


def test_asked_for_it_is_a_table() -> None:
    assert written({"date": DAYS, "y": range(120)}, "--table")["type"] == "csv"


def test_several_series_and_steps() -> None:
    table = {"date": DAYS * 2, "shop": ["oslo"] * 120 + ["bern"] * 120, "y": range(240)}
    text = recipe_text(table, "--time", "date", "--group", "shop", "--horizon", "3")
    recipe = load_recipe("r.yaml")
    assert recipe.data.source.as_recipe()["group"] == "shop"
    assert recipe.data.target == ["t+1", "t+2", "t+3"]
    assert "{type: time, column: date, train: 0.7, validation: 0.15, test: 0.15, gap: 2}" in text
    assert "    shop: ignore" in text
    assert "metrics: [mase, rmse, mae]" in text
    assert recipe.architecture.plugin_name == "gru"


@pytest.mark.parametrize(
    ("table", "arguments", "words"),
    [
        ({"date": DAYS, "y": range(120)}, ["--time", "dates"], "there is no column 'dates'. The columns are: date, y"),
        ({"x": range(120), "y": range(120)}, ["--group", "x"], "--group: this belongs to a forecast.*--time COL"),
        ({"x": range(120), "y": range(120)}, ["--horizon", "2"], "--horizon: this belongs to a forecast.*--time COL"),
        ({"date": DAYS, "y": ["a", "b"] * 60}, ["--time", "date"], "one target, of numbers .*'y' holds words"),
        ({"date": DAYS, "y": range(120)}, ["--time", "date", "--table"], "a table is not forecast"),
    ],
)
def test_wrong_inputs_are_refused_with_the_fix(table: dict[str, Any], arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe_text(table, *arguments)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"date": [DAYS[0], *DAYS[:119]], "y": range(120)}, r"row 2, column 'date'.*a second time.*apart: group"),
        ({"date": [None, *DAYS[1:]], "y": range(120)}, "row 1, column 'date'.*a time in every row"),
        ({"date": ["soon"] * 120, "y": range(120)}, "a time in every row.*'soon', and 119 more.*time_format"),
        ({"date": DAYS[:3], "y": range(3)}, "sales.csv"),
    ],
)
def test_data_that_would_not_run_is_refused_now(table: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        recipe_text(table, "--time", "date")


def test_lists_in_words_are_refused() -> None:
    table = {"signal": ["[1.0, 2.0]", "[3.0, -4e-1, 5]"] * 20, "y": ["a", "b"] * 20}
    with pytest.raises(DataError, match=r"column 'signal'.*lists of numbers, written as words.*as Parquet"):
        recipe_text(table)


def test_a_column_of_lists_is_a_series_of_each_row() -> None:
    pl.DataFrame({"signal": [[1.0, 2.0], [3.0]] * 20, "y": ["a", "b"] * 20}).write_parquet("s.parquet")
    done = CliRunner().invoke(command, ["s.parquet", "--target", "y", "-o", "r.yaml"], standalone_mode=False)
    assert done.exception is None, done.exception
    assert "{type: standardize_series, columns: series}" in Path("r.yaml").read_text()
    assert load_recipe("r.yaml").architecture.plugin_name == "gru"
