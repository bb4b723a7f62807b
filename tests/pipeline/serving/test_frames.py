"""Whatever pandas makes of a cell, polars gets the value or null."""

import math
from datetime import datetime

import pandas as pd
import polars as pl
import pytest

from recipeline.errors import DataError
from recipeline.serving.frames import request_rows, to_pandas, to_polars


def test_every_kind_of_missing_becomes_null():
    rows = pd.DataFrame(
        {
            "words": pd.Series(["a", None, float("nan"), pd.NA], dtype=object),
            "text": pd.Series(["a", None, None, None], dtype="str"),
            "truth": pd.Series([True, None, False, pd.NA], dtype=object),
            "whole": pd.Series([1, None, 3, 4], dtype="Int64"),
            "nothing": pd.Series([None] * 4, dtype=object),
            "time": pd.to_datetime(["2024-01-31", None, None, None]),
        }
    )
    found = to_polars(rows)
    assert found["words"].to_list() == ["a", None, None, None]
    assert found["text"].to_list() == ["a", None, None, None]
    assert found["truth"].to_list() == [True, None, False, None]
    assert found["whole"].to_list() == [1, None, 3, 4]
    assert found["nothing"].to_list() == [None] * 4
    assert found["nothing"].dtype == pl.String
    assert found["time"].to_list() == [datetime(2024, 1, 31), None, None, None]


def test_cells_of_several_types_are_kept_as_they_are():
    found = to_polars(pd.DataFrame({"zip": pd.Series([5, "007", None], dtype=object)}))
    assert found["zip"].dtype == pl.Object
    assert found["zip"].to_list() == [5, "007", None]


def test_rows_without_columns_and_columns_of_numbers_as_names():
    assert to_polars(pd.DataFrame(index=range(3))).height == 3
    assert to_polars(pd.DataFrame([[1, 2]])).columns == ["0", "1"]
    assert math.isnan(to_polars(pd.DataFrame({"x": [1.0, float("nan")]}))["x"].fill_null(float("nan"))[1])


def test_cells_that_are_no_scalars_or_beyond_measure_are_kept_for_the_conversion_to_name():
    given = pd.DataFrame({"x": pd.Series([10**30, 1], dtype=object), "y": pd.Series([[1, "a"], [None]], dtype=object)})
    found = to_polars(given)
    assert found["x"].to_list() == [10**30, 1]
    assert found.height == 2


def test_one_row_of_lists_is_the_rows_that_they_name(train):
    pipeline = train("grade").pipeline
    given = pd.DataFrame([{"town": ["Oslo", "Rome"], "code": ["001", "002"]}])
    assert request_rows(given, pipeline).to_dicts() == [
        {"town": "Oslo", "code": "001"},
        {"town": "Rome", "code": "002"},
    ]
    uneven = pd.DataFrame([{"town": ["Oslo"], "code": ["001", "002"]}])
    assert request_rows(uneven, pipeline).height == 1


def test_only_numbers_that_were_codes_in_training_have_lost_their_zeros(train):
    pipeline = train("grade").pipeline
    with pytest.raises(DataError, match=r"row 2, column 'code': .*it was probably '002' \(found 2\)"):
        request_rows(pd.DataFrame({"code": [None, 2.0]}), pipeline)
    for cells in ([77], [2.5], [None], ["002"]):
        assert request_rows(pd.DataFrame({"code": cells}), pipeline).height == 1


def test_only_expected_columns_go_to_the_model_and_times_as_text(train):
    trained = train("grade")
    found = to_pandas(trained.rows.with_columns(more=pl.lit(1)), trained.pipeline)
    assert list(found.columns) == [column.name for column in trained.pipeline.columns]
    assert found["seen"].iloc[0] == "2024-01-01"
    assert found["year"].dtype == "int64"
    assert found["age"].dtype == "float64"
