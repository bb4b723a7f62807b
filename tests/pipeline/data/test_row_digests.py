"""Rows that are other ones than those of an earlier table are named."""

from types import SimpleNamespace

import polars as pl
import pytest

from recipeline.data import row_digests as module
from recipeline.data.row_digests import changed_rows, row_digests


@pytest.fixture
def table(tmp_path):
    """Makes a table of these rows."""

    def make(frame, files=()):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.arrow"
        frame.write_ipc(path, compression="uncompressed")

        def place(row):
            for file, rows in files:
                if row < rows:
                    return file, row + 1
                row -= rows
            return "table", row + 1

        return SimpleNamespace(path=path, scan=lambda: pl.scan_ipc(path), files=files, place=place)

    return make


ROWS = pl.DataFrame(
    {
        "a": [1, 2, None, 4, 4, 6, 7, 8],
        "b": ["x", "y", "z", None, None, "x", "y", "z"],
        "c": [[1.0, 2.0], [3.0], None, [], [], [4.0], [5.0], [6.0]],
    }
)


def changed(row, value):
    return ROWS.with_columns(pl.when(pl.int_range(pl.len()) == row).then(value).otherwise("b").alias("b"))


def test_equal_rows_have_equal_digests(table):
    digests = row_digests(table(ROWS))
    assert digests.dtype == pl.UInt32
    assert digests[3] == digests[4]
    assert digests.n_unique() == 7
    assert changed_rows(digests, table(ROWS)).startswith("the rows are the same: only the way")


def test_changed_rows_are_counted_and_the_first_named(table):
    then = row_digests(table(ROWS))
    assert changed_rows(then, table(changed(2, pl.lit("q")))) == "1 row has changed of 8: row 3"
    all_other = ROWS.with_columns(b=pl.lit("q"))
    assert changed_rows(then, table(all_other)) == "8 rows have changed of 8: rows 1, 2, 3, 4, 5 and 3 more"


def test_rows_in_another_order_are_the_same_rows(table):
    assert changed_rows(row_digests(table(ROWS)), table(ROWS.reverse())) == "the 8 rows are the same in another order"


def test_new_and_missing_rows(table):
    then = row_digests(table(ROWS))
    assert changed_rows(then, table(ROWS[[0, 1, 2, 3, 5, 6, 7]])) == "1 row is gone, which stood at row 5 of 8"
    more = pl.concat([ROWS[:2], ROWS[:1], ROWS[3:], ROWS[:1].with_columns(b=pl.lit("new"))])
    assert changed_rows(then, table(more)) == "2 rows are new: rows 3, 9; 1 row is gone, which stood at row 3 of 8"


def test_of_several_files_the_file_is_named(table):
    then = row_digests(table(ROWS))
    other = table(changed(5, pl.lit("q")), files=(("one.csv", 4), ("two.csv", 4)))
    assert changed_rows(then, other) == "1 row has changed of 8: row 2 of two.csv"


def test_a_large_table_has_none(table, monkeypatch):
    then = row_digests(table(ROWS))
    monkeypatch.setattr(module, "LIMIT_BYTES", 10)
    assert row_digests(table(ROWS)) is None
    assert changed_rows(then, table(ROWS)) is None
