"""The pass over a file's bytes gives the same answer wherever its blocks are cut."""

import csv
import io
import random

import pytest

from recipeline_plugins.source import csv_structure
from recipeline_plugins.source.csv_structure import Head, Structure, examine, read_head


def look(content: str, width: int) -> Structure:
    head = Head(",", [f"c{number}" for number in range(width)], 0, 1)
    return examine(io.BytesIO(content.encode()), "x.csv", head, '"', header=True)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    ("content", "rows", "places"),
    [
        ('a,b\n1,"x,\ny"\n2,"say ""hi"""\r\n\n3,z', 3, []),
        ('a,b\n1,2\n3\n4,"5,6",7\n', 3, [2, 3]),
        ('a,b\n1\n2,x"y\n3,z\n4\n', 4, [1, 2]),
        ('a,b\n1,2\n2,"a"b\n3\n', 3, [2]),
        ("a,b\n1,é\n2,ö\n", 2, []),
        ("a,b\n1,\x00\n", 1, [1]),
    ],
)
def test_blocks_may_be_cut_anywhere(
    content: str, rows: int, places: list[int], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_structure, "BLOCK_BYTES", block)
    found = look(content, 2)
    assert sorted({problem.row for problem in found.problems if problem.row}) == places
    if not any("quote" in problem.message for problem in found.problems):
        assert found.rows == rows


@pytest.mark.parametrize("seed", range(5))
def test_rows_and_lengths_agree_with_the_standard_library(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_structure, "BLOCK_BYTES", 61)
    chance = random.Random(seed)
    pieces = ["x", "y z", 'quo"te', "li\nne", "com,ma", "", "é", "\r\n"]
    records = [[chance.choice(pieces) for _ in range(chance.choice([3, 3, 3, 2, 4]))] for _ in range(60)]
    records = [record if any(record) else ["x", "y", "z"] for record in records]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["a", "b", "c"], *records])
    monkeypatch.setattr(csv_structure, "MOST_PROBLEMS", 1000)
    found = look(text.getvalue(), 3)
    assert found.rows == 60
    assert [problem.row for problem in found.problems] == [
        row for row, record in enumerate(records, start=1) if len(record) != 3
    ]


def test_problems_beyond_the_first_are_counted() -> None:
    found = look("a,b\n" + "1\n" * 12, 2)
    assert (len(found.problems), found.more) == (5, 7)


@pytest.mark.parametrize(
    ("content", "separator"),
    [("a,b\n1,2\n", ","), ("a;b,c\n1;2\n", ";"), ("a\tb\n1\t2\n", "\t"), ("a|b\n1|2\n", "|"), ("a\n1\n", ",")],
)
def test_the_separator_is_found_out(content: str, separator: str) -> None:
    assert read_head(io.BytesIO(content.encode()), "x.csv", None, '"', True).separator == separator


@pytest.mark.parametrize("block", [1, 2, 3, 64])
@pytest.mark.parametrize(
    ("content", "there"),
    [
        ("a,b\n1,007\n", True),
        ("a,b\n01,7\n", True),
        ("a,b\n1,-07\n", True),
        ('a,b\n1,"07"\n', True),
        ("a,b\n1,0\n0,0.5\n-0.25,10\n100,2024-01-01\n", False),
    ],
)
def test_leading_zeros_are_seen(content: str, there: bool, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_structure, "BLOCK_BYTES", block)
    assert look(content, 2).leading_zeros == there


@pytest.mark.parametrize("width", [2, 3, 256, 257, 300])
@pytest.mark.parametrize("off", [-1, 1, 255, 256, 257])
def test_a_record_with_any_other_number_of_cells_is_found(width, off, monkeypatch):
    monkeypatch.setattr(csv_structure, "BLOCK_BYTES", 1000)
    row = ",".join("1" for _ in range(width))
    wrong = ",".join("1" for _ in range(width + off)) if width + off > 0 else ""
    text = "\n".join([row, row, wrong, row, row]) + "\n"
    head = csv_structure.Head(",", [f"c{number}" for number in range(width)], 0, 0)
    found = csv_structure.examine(io.BytesIO(text.encode()), "x", head, '"', False)
    if not wrong:
        assert found.blank == [2]
        return
    assert [problem.row for problem in found.problems] == [3]
