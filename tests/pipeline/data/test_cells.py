"""Cells as JSON, CSV and pandas carry them become what the table had, or an error that names them."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from recipeline.data import cells
from recipeline.errors import DataError


@pytest.mark.parametrize(
    ("given", "expected", "made"),
    [
        (["1", " 2 ", "", "NA"], "Int64", [1, 2, None, None]),
        ([1.0, None, float("nan")], "Int64", [1, None, None]),
        ([1.5, 2.0], "Int64", [1.5, 2.0]),
        (["1.5", "2"], "Int64", [1.5, 2.0]),
        ([True, False], "Int64", [1, 0]),
        (["1e3", "nan", None], "Float64", [1000.0, None, None]),
        ([1, 2], "Float64", [1.0, 2.0]),
        (["true", "False", ""], "Boolean", [True, False, None]),
        ([0, 1, None], "Boolean", [False, True, None]),
        ([12345.0, None], "String", ["12345", None]),
        ([1, 2], "String", ["1", "2"]),
        (["NA", ""], "String", ["NA", None]),
        (["2024-01-31", ""], "Date", [date(2024, 1, 31), None]),
        (["2024-01-31 10:30"], "Datetime", [datetime(2024, 1, 31, 10, 30)]),
        (["2024-01-31T10:30:05Z"], "Datetime", [datetime(2024, 1, 31, 10, 30, 5)]),
        ([date(2024, 1, 31)], "Datetime", [datetime(2024, 1, 31)]),
        ([datetime(2024, 1, 31, 10, tzinfo=UTC)], "Datetime", [datetime(2024, 1, 31, 10)]),
        ([None, None], "Float64", [None, None]),
        ([None, None], "Datetime", [None, None]),
    ],
)  # fmt: skip
def test_cells_become_what_the_table_had(given: list[Any], expected: str, made: list[Any]) -> None:
    frame = pl.DataFrame({"c": given, "more": given})
    assert cells.cast(frame, {"c": expected}, "rows").to_dict(as_series=False) == {"c": made}


@pytest.mark.parametrize(
    ("given", "expected", "row", "words"),
    [
        ([1, 2, "x"], "Int64", 3, "expected a number"),
        (["1", "1,5"], "Float64", 2, "expected a number"),
        (["yes"], "Boolean", 1, "expected true or false"),
        ([0, 2], "Boolean", 2, "expected true or false"),
        (["2024-01-31", "31.1.2024"], "Date", 2, "expected a date such as 2024-01-31"),
        ([[1], [2]], "Float64", 1, "expected a number"),
        ([date(2024, 1, 31)], "Float64", 1, "expected a number"),
        ([5], "Datetime", 1, "expected a time"),
    ],
)
def test_what_cannot_be_is_named(given: list[Any], expected: str, row: int, words: str) -> None:
    frame = pl.DataFrame({"c": pl.Series(given, strict=False) if row != 3 else [str(cell) for cell in given]})
    with pytest.raises(DataError, match=words) as caught:
        cells.cast(frame, {"c": expected}, "rows.csv")
    problem = caught.value.problems[0]
    assert (problem.file, problem.row, problem.field) == ("rows.csv", row, "c")
    assert problem.found is not None
