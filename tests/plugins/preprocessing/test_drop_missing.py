import polars as pl
import pytest

from recipeline_plugins.preprocessing.drop_missing import DropMissing

NAN = float("nan")
FRAME = pl.DataFrame(
    {
        "i": [0, 1, 2, 3, 4],
        "x": [1.0, None, NAN, 4.0, NAN],
        "s": ["a", "b", "c", None, None],
        "n": [1, 2, 3, 4, None],
    }
)


@pytest.mark.parametrize(
    ("when", "columns", "expected"),
    [
        ("any", ["x", "s", "n"], [0]),
        ("all", ["x", "s", "n"], [0, 1, 2, 3]),
        ("any", ["s"], [0, 1, 2]),
        ("all", ["s"], [0, 1, 2]),
        ("any", ["x"], [0, 3]),
        ("all", ["x"], [0, 3]),
        ("any", ["n"], [0, 1, 2, 3]),
    ],
)
def test_rows_with_gaps_go(when, columns, expected):
    kept = FRAME.lazy().filter(DropMissing(when=when).keep(columns)).collect()
    assert kept["i"].to_list() == expected


def test_only_the_train_part_loses_rows_and_serving_none(apply):
    assert DropMissing().parts == ["train"]
    assert apply(DropMissing(), FRAME).equals(FRAME)


def test_an_empty_frame_stays_one():
    assert FRAME.clear().filter(DropMissing().keep(["x", "s"])).height == 0


def test_settings(refused):
    assert "'any' or 'all'" in refused(DropMissing, {"when": "some"})
    assert "at least 1 item" in refused(DropMissing, {"parts": []})
