"""Every kind of damage that a CSV file can have, and what becomes of it."""

import dataclasses
import gzip
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.source import csv, csv_types
from recipeline_plugins.source.csv import CsvSource

TWENTY = "\n".join(f"{number},w{number % 3}" for number in range(1, 31))
"""Thirty rows of a number and a word."""


def source(folder: Path, content: bytes | str, name: str = "data.csv", **settings: Any) -> CsvSource:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvSource.model_validate({"path": name, **settings}, context={"folder": folder})


def rows(folder: Path, content: bytes | str, **settings: Any) -> pl.DataFrame:
    return source(folder, content, **settings).scan().collect()


@pytest.fixture(params=["thoroughly", "quickly", "quickly, guessing from a row"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are read thoroughly, large ones quickly where that gives the same; here both are held to it."""
    monkeypatch.setattr(csv, "QUICK_BYTES", 2**60 if request.param == "thoroughly" else 0)
    if request.param.endswith("a row"):  # which the first bytes of these files hold, as a megabyte does of large ones
        monkeypatch.setattr(csv_types, "HEAD_ROWS", 1)


@dataclass
class Refused:
    """Damage that is an error: where it says it is, and words that it has to contain."""

    content: bytes | str
    words: list[str]
    row: int | None = None
    field: str | None = None
    found: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


REFUSED = {
    "row too short": Refused("a,b,c\n1,2,3\n4,5\n7,8,9\n", ["too short: 2 cells instead of 3"], row=2),
    "row too long": Refused("a,b\n1,2\n3,4\n5,6,7\n", ["too long: 3 cells instead of 2"], row=3),
    "a short row and a long one": Refused("a,b,c\n1,2,3\n4,5\n6,7,8,9\n", ["too short: 2 cells instead of 3"], row=2),
    "a long row and a short one": Refused("a,b,c\n1,2,3\n6,7,8,9\n4,5\n", ["too long: 4 cells instead of 3"], row=2),
    "row of a single cell": Refused("a,b\n1,2\nx\n", ["too short: 1 cells instead of 2"], row=2),
    "last row cut off": Refused("a,b,c\n1,2,3\n4,5", ["too short"], row=2),
    "separator at the end of a row": Refused("a,b\n1,2,\n", ["too long"], row=1),
    "latin-1 bytes": Refused(b"a,b\n1,x\n2,caf\xe9\n", ["0xE9", "no UTF-8", "encoding: latin-1"], row=2),
    "UTF-8 cut in the middle of a letter": Refused("a,b\n1,é".encode()[:-1], ["0xC3", "no UTF-8"], row=1),
    "NUL byte": Refused(b"a,b\n1,x\n2,y\x00z\n", ["NUL byte"], row=2),
    "UTF-16": Refused("a,b\n1,2\n".encode("utf-16"), ["UTF-16", "encoding: utf-16"]),
    "UTF-16 without a mark": Refused("a,b\n1,2\n".encode("utf-16-le"), ["NUL byte", "encoding: utf-16"]),
    "bytes that are not of the encoding": Refused(
        b"a,b\n1,\x81\n", ["not cp1252", "latin-1"], settings={"encoding": "cp1252"}
    ),
    "empty file": Refused(b"", ["the file is empty"]),
    "blank lines only": Refused("\n\n\r\n", ["the file is empty"]),
    "header only": Refused("a,b\n", ["no rows below the header"]),
    "header without a line end": Refused("a,b", ["no rows below the header"]),
    "duplicate column": Refused("a,b,a\n1,2,3\n", ["two columns have the same name: column 1 and column 3"], field="a"),
    "duplicate column but for blanks": Refused("a, a\n1,2\n", ["two columns have the same name"], field="a"),
    "column without a name": Refused("a,,c\n1,2,3\n", ["column 2 has no name"]),
    "no header": Refused("1.5,2\n3,4\n", ["numbers only", "header: false"], found="1.5, 2"),
    "quote never closed": Refused('a,b\n1,"xy\n2,z\n3,w\n', ["never closed"], row=1),
    "quote inside a cell": Refused('a,b\n1,x\n2,5" pipe\n', ["quote stands inside", "quote: null"], row=2),
    "text after the closing quote": Refused('a,b\n1,"x"y\n', ["goes on after its closing quote"], row=1),
    "bad cell among numbers": Refused(
        "a,b\n" + TWENTY + "\noops,w\n", ["expected a number", "{a: categorical}"], row=31, field="a", found="'oops'"
    ),
    "thousands separator": Refused(
        "a;b\n" + "".join(f"{n};x\n" for n in range(40)) + "1,000;x\n", ["expected a number"], row=41, found="'1,000'"
    ),
    "infinite number": Refused("a,b\n1.5,x\n-inf,y\n", ["infinite"], row=2, field="a", found="'-inf'"),
    "number too large for 64 bits": Refused("a,b\n1e999,x\n2,y\n", ["too large"], row=1, field="a", found="'1e999'"),
    "line ends of a very old system": Refused(b"a,b\r1,2\r3,4\r", ["carriage return", "tr "]),
    "ZIP archive": Refused(b"PK\x03\x04rest", ["no CSV file", "Unpack"], found="a ZIP archive or an Excel workbook"),
    "Parquet file": Refused(b"PAR1rest", ["no CSV file", "parquet"], found="a Parquet file"),
    "gzip cut short": Refused(gzip.compress(b"a,b\n1,2\n" * 500)[:-12], ["can't be unpacked"]),
    "row number ambiguous by quotes": Refused('a,b\n1,""x"\n', ["closing quote"], row=1),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_damage_is_refused_with_its_place(tmp_path: Path, case: Refused) -> None:
    with pytest.raises(DataError) as caught:
        rows(tmp_path, case.content, **case.settings)
    problem = caught.value.problems[0]
    text = str(caught.value)
    assert all(word in text for word in case.words), text
    assert problem.file is not None
    assert "data.csv" in problem.file
    if case.row is not None:
        assert problem.row == case.row
    if case.field is not None:
        assert problem.field == case.field
    if case.found is not None:
        assert problem.found == case.found


@dataclass
class Handled:
    """Damage, or what looks like it, that is read: the columns, and words of the note that says so."""

    content: bytes | str
    columns: dict[str, list[Any]]
    note: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


HANDLED = {
    "byte order mark": Handled(b"\xef\xbb\xbfa,b\n1,x\n", {"a": [1], "b": ["x"]}),
    "Windows line ends": Handled("a,b\r\n1,x\r\n2,y\r\n", {"a": [1, 2], "b": ["x", "y"]}),
    "line break in quotes": Handled('a,b\n1,"x\ny"\n2,z\n', {"a": [1, 2], "b": ["x\ny", "z"]}),
    "separator in quotes": Handled('a,b\n1,"x,y"\n', {"a": [1], "b": ["x,y"]}),
    "doubled quote": Handled('a,b\n1,"say ""hi"""\n', {"a": [1], "b": ['say "hi"']}),
    "quotes that mean nothing": Handled('a,b\n1,5" pipe\n', {"a": [1], "b": ['5" pipe']}, settings={"quote": None}),
    "blank lines at the end": Handled("a,b\n1,x\n\n\n", {"a": [1], "b": ["x"]}, note="2 blank lines are skipped"),
    "blank line in between": Handled("a,b\n1,x\n\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}, note="1 blank line is"),
    "blank lines before the header": Handled("\n\na,b\n1,x\n", {"a": [1], "b": ["x"]}),
    "no line end at the end": Handled("a,b\n1,x\n2,y", {"a": [1, 2], "b": ["x", "y"]}),
    "blank line of a single column": Handled("a\n1\n\n3\n\n", {"a": [1, None, 3]}),
    "latin-1 as declared": Handled(b"a,b\n1,caf\xe9\n", {"a": [1], "b": ["café"]}, settings={"encoding": "latin-1"}),
    "UTF-16 as declared": Handled(
        "a,b\n1,é\n".encode("utf-16"), {"a": [1], "b": ["é"]}, settings={"encoding": "utf-16"}
    ),
    "gzip": Handled(gzip.compress(b"a,b\n1,x\n"), {"a": [1], "b": ["x"]}),
    "NA that is a country": Handled("c,n\nNA,1\nDE,NA\n,3\n", {"c": ["NA", "DE", None], "n": [1, None, 3]}),
    "every word for missing": Handled(
        "n\n1\nNA\nN/A\nNaN\nnan\nnull\nNone\n?\n-\n2\n", {"n": [1, *[None] * 8, 2]}, note="'n' (8)"
    ),
    "leading zeros": Handled(
        "zip,n\n00123,1\n04567,2\n99999,3\n", {"zip": ["00123", "04567", "99999"], "n": [1, 2, 3]}, note="leading zeros"
    ),
    "20-digit whole numbers": Handled(
        "id,n\n12345678901234567890,1\n2,2\n", {"id": ["12345678901234567890", "2"], "n": [1, 2]}, note="64 bits"
    ),
    "mixed types": Handled("m,n\n1,1\nx,2\ny,3\n2,4\n", {"m": ["1", "x", "y", "2"], "n": [1, 2, 3, 4]}, note="2 of 4"),
    "whole numbers and fractions": Handled("n\n1\n2.5\n-3e2\n", {"n": [1.0, 2.5, -300.0]}),
    "blanks around cells": Handled("a, b\n1, 2\n 3 ,4\n", {"a": [1, 3], "b": [2, 4]}),
    "quoted numbers": Handled('a,b\n"1","x"\n"2","y"\n', {"a": [1, 2], "b": ["x", "y"]}),
    "quoted empty cell": Handled('a,b\n1,""\n2,x\n', {"a": [1, 2], "b": [None, "x"]}),
    "true and false": Handled("t,n\ntrue,1\nFalse,2\nNA,3\n", {"t": [True, False, None], "n": [1, 2, 3]}),
    "no header as declared": Handled(
        "1,x\n2,y\n", {"column_1": [1, 2], "column_2": ["x", "y"]}, settings={"header": False}
    ),
    "semicolons": Handled("a;b\n1;x,y\n", {"a": [1], "b": ["x,y"]}),
    "tabs": Handled("a\tb\n1\tx y\n", {"a": [1], "b": ["x y"]}),
    "decimal comma": Handled("a;b\n1,5;x\n2;y\n", {"a": [1.5, 2.0], "b": ["x", "y"]}, settings={"decimal": ","}),
    "declared word for missing": Handled(
        "a,b\n1,x\n-999,NA\n3,-999\n",
        {"a": [1, None, 3], "b": ["x", "NA", None]},
        settings={"missing": ["-999"]},
    ),
    "huge cell": Handled("a,b\n1," + "x" * 300_000 + "\n", {"a": [1], "b": ["x" * 300_000]}),
    "column without a value": Handled("a,b\n1,\n2,\n", {"a": [1, 2], "b": [None, None]}),
}


@pytest.mark.parametrize("case", HANDLED.values(), ids=HANDLED.keys())
def test_what_looks_like_damage_is_read_as_documented(tmp_path: Path, case: Handled) -> None:
    made = source(tmp_path, case.content, **case.settings)
    frame = made.scan().collect()
    assert frame.to_dict(as_series=False) == case.columns
    types = {name: {type(cell) for cell in cells} - {type(None)} for name, cells in case.columns.items()}
    assert {name: {type(cell) for cell in frame[name]} - {type(None)} for name in frame.columns} == types
    if case.note is not None:
        assert any(case.note in note for note in made.notes()), made.notes()


def test_a_bad_cell_far_down_is_named_by_its_row(tmp_path: Path) -> None:
    lines = [f"{number},{number / 7:.3f},w{number % 5}" for number in range(60_000)]
    lines[39_999] = "39999,n.a.,w1"
    with pytest.raises(DataError) as caught:
        rows(tmp_path, "id,value,word\n" + "\n".join(lines) + "\n")
    assert len(caught.value.problems) == 1
    problem = caught.value.problems[0]
    assert (problem.row, problem.field, problem.found) == (40_000, "value", "'n.a.'")


def test_a_type_that_only_a_late_row_shows_is_seen(tmp_path: Path) -> None:
    cells = [str(number) for number in range(30_000)]
    assert rows(tmp_path, "n,x\n" + "".join(f"{cell},a\n" for cell in [*cells, "0.5"])).schema["n"] == pl.Float64
    assert rows(tmp_path, "n,x\n" + "".join(f"{cell},a\n" for cell in [*cells, "007"])).schema["n"] == pl.String
    late = rows(tmp_path, "n,x\n" + ",a\n" * 5000 + "2.5,a\n")
    assert late["n"].to_list()[-1] == 2.5


def test_many_bad_cells_are_counted(tmp_path: Path) -> None:
    content = "n,x\n" + "".join(f"{number},a\n" for number in range(100)) + "bad,a\n" * 6
    with pytest.raises(DataError) as caught:
        rows(tmp_path, content)
    assert [problem.row for problem in caught.value.problems] == [101, 102, 103, None]
    assert "3 more cells" in str(caught.value)


@pytest.mark.parametrize("declared", ["categorical", "ignore", "text"])
@pytest.mark.parametrize("pattern", ["n", "n*"])
def test_a_declared_column_of_words_may_hold_numbers(tmp_path: Path, declared: str, pattern: str) -> None:
    made = source(tmp_path, "nu,n\n" + "1,1\n" * 30 + "1,x\n")
    made.expect({pattern: declared})  # type: ignore[dict-item]
    assert made.scan().collect()["n"].to_list()[-1] == "x"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-01-31", "2023-12-01", ""], pl.Date),
        (["2024-01-31", "2023-12-01T10:30"], pl.Datetime("us")),
        (["2024-01-31 10:30:00", "2024-01-31T10:30:00.250Z"], pl.Datetime("us")),
        (["2024-01-31", "2024-13-01"], pl.String),
        (["31.1.2024", "1.2.2024"], pl.String),
    ],
)
def test_iso_dates_and_times_are_recognized(tmp_path: Path, cells: list[str], expected: pl.DataType) -> None:
    frame = rows(tmp_path, "when,n\n" + "".join(f"{cell},1\n" for cell in cells))
    assert frame.schema["when"] == expected


def test_times_are_read_to_the_microsecond(tmp_path: Path) -> None:
    frame = rows(tmp_path, "when,n\n2024-01-31 10:30:00.250001,1\n2024-02-01,2\n")
    assert [str(moment) for moment in frame["when"]] == ["2024-01-31 10:30:00.250001", "2024-02-01 00:00:00"]


def test_several_files_are_one_table_in_the_order_of_their_names(tmp_path: Path) -> None:
    source(tmp_path, "a,b\n3,x\n", "part-2.csv")
    source(tmp_path, "a,b\n1,x\n2,y\n", "part-1.csv")
    made = CsvSource.model_validate({"path": "part-*.csv"}, context={"folder": tmp_path})
    assert made.scan().collect()["a"].to_list() == [1, 2, 3]
    assert [(Path(file).name, count) for file, count in made.row_files()] == [("part-1.csv", 2), ("part-2.csv", 1)]


def test_a_bad_cell_of_several_files_is_named_by_its_own_file(tmp_path: Path) -> None:
    source(tmp_path, "a,b\n" + TWENTY + "\n", "part-1.csv")
    source(tmp_path, "a,b\n1,x\noops,y\n", "part-2.csv")
    with pytest.raises(DataError) as caught:
        CsvSource.model_validate({"path": "part-*.csv"}, context={"folder": tmp_path}).scan()
    problem = caught.value.problems[0]
    assert (Path(problem.file or "").name, problem.row) == ("part-2.csv", 2)


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    source(tmp_path, "a,b\n1,x\n", "part-1.csv")
    source(tmp_path, "a,c\n1,x\n", "part-2.csv")
    with pytest.raises(DataError, match=r"part-2.csv: this file has other columns.*Expected: a, b"):
        CsvSource.model_validate({"path": "part-*.csv"}, context={"folder": tmp_path}).scan()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("absent.csv", "there is no file 'absent.csv'"),
        ("absent-*.csv", "no file matches"),
        ("folder", "this is a folder.*'folder/\\*'"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=words):
        CsvSource.model_validate({"path": path}, context={"folder": tmp_path}).scan()


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = source(tmp_path, "a,b\n1,x\n")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"can't be opened: Permission denied"):
        made.scan()


def test_the_fingerprint_follows_content_and_settings_and_not_the_name(tmp_path: Path) -> None:
    first = source(tmp_path, "a,b\n1,x\n", "one.csv").fingerprint()
    assert source(tmp_path, "a,b\n1,x\n", "two.csv").fingerprint() == first
    assert source(tmp_path, "a,b\n2,x\n", "one.csv").fingerprint() != first
    assert source(tmp_path, "a,b\n1,x\n", "one.csv", missing=["x"]).fingerprint() != first


def test_temporary_copies_go_when_the_rows_are_read(tmp_path: Path) -> None:
    made = source(tmp_path, gzip.compress(b"a,b\n1,x\n"))
    made.scan().collect()
    folder = made._unpacked
    assert folder is not None
    assert folder.exists()
    made.close()
    assert not folder.exists()
    made.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from recipeline_plugins.source.csv import CsvSource

made = CsvSource.model_validate({"path": "data.csv"}, context={"folder": Path(sys.argv[1])})
made.scan().collect()
print(made._unpacked, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_what_a_killed_process_has_unpacked_goes_with_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    made = source(tmp_path, gzip.compress(b"a,b\n1,x\n"))
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    left = Path(said.stdout.strip())
    assert (left.parent, left.exists()) == (tmp_path / "tmp", True), said.stderr
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    made.scan().collect()
    assert not left.exists()
    made.close()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "settings", [{"separator": ",,"}, {"encoding": "ebcdic"}, {"quote": "q"}, {"decimal": ";"}, {"header": 1}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        CsvSource.model_validate({"path": "x.csv", **settings})


def test_good_numbers_are_read_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    monkeypatch.setattr(CsvSource, "_thoroughly", lambda *args: pytest.fail("read thoroughly"))
    made = source(tmp_path, "n,f,w,t\n1,0.5,x,true\nNA,,y,false\n3,-2,x,\n")
    assert made.scan().collect().rows() == [(1, 0.5, "x", True), (None, None, "y", False), (3, -2.0, "x", None)]
    assert made.notes() == ("Cells with a word or blanks that mean missing: 'n' (1).",)


def test_a_good_file_is_parsed_once_and_its_parsed_rows_are_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    parses = []
    parsed = CsvSource._parsed
    monkeypatch.setattr(CsvSource, "_parsed", lambda *args, **more: parses.append(args[-1]) or parsed(*args, **more))
    made = source(tmp_path, "n,f,w\n1,0.5,x\n,,\n3,-2,y\n")
    rows = made.scan().collect()
    assert parses == [[]]
    file = made.typed_file()
    assert file is not None
    assert pl.read_ipc(file.path).equals(rows)
    assert {name: sorted(counts.rows()) for name, counts in made.counted_words().items()} == {"w": [("x", 1), ("y", 1)]}
    made.close()
    assert made.typed_file() is None
    assert source(tmp_path, "n,t\n1,true\n2,false\n").scan().collect()["t"].to_list() == [True, False]


@pytest.mark.parametrize("text", ['n,w\n1,x\n2,""\n', "n,w,t\n1,x,true\n2,y,false\n"])
def test_words_of_rows_that_are_changed_afterwards_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    made = source(tmp_path, text)
    made.scan()
    assert made.typed_file() is None
    assert made.counted_words() == {}


def test_words_of_which_there_are_many_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    monkeypatch.setattr(csv_types, "FEW", 2)
    made = source(tmp_path, "n,w,v\n1,x,a\n2,y,b\n3,x,c\n")
    made.scan()
    assert {name: sorted(counts.rows()) for name, counts in made.counted_words().items()} == {"w": [("x", 2), ("y", 1)]}


@pytest.mark.parametrize("text", ["n,w\n1,x\n2,true\n", "n,t\n1,true\n2,false\n", "n,w\n1,x\n2,NULL\n", "n\n1\nNA\n"])
def test_rows_are_the_same_handed_over_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    slowly = source(tmp_path, text, missing=["NULL", "NA"]).scan().collect()
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    made = source(tmp_path, text, missing=["NULL", "NA"])
    quickly = made.scan().collect()
    assert quickly.equals(slowly)
    file = made.typed_file()
    assert file is None or pl.read_ipc(file.path).equals(slowly)


def test_what_means_missing_is_one_note_for_all_columns(tmp_path: Path) -> None:
    names = ",".join(f"c{number}" for number in range(12))
    made = source(tmp_path, f"{names}\n" + f"{','.join('1' * 12)}\n" * 3 + f"{','.join(['NA'] * 12)}\n")
    made.scan()
    (note,) = made.notes()
    assert note.startswith("Cells with a word or blanks that mean missing: 'c0' (1), 'c1' (1), ")
    assert note.endswith("'c9' (1) and 2 more columns.")
