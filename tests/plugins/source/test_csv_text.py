"""A file that is UTF-8 is read where it lies; any other is copied."""

import gzip

import pytest

from recipeline import DataError
from recipeline_plugins.source.csv_text import PACKED, as_utf8

TEXT = "a,b\n1,café\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode("latin-1"), "latin-1"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("utf-16"), "utf-16"),
        (gzip.compress(TEXT.encode()), "utf-8"),
        (gzip.compress(TEXT.encode("latin-1")), "latin-1"),
    ],
    ids=["latin-1", "cp1252", "utf-16", "packed", "packed latin-1"],  # gzip writes the time into what it packs
)
def test_what_is_not_utf_8_is_copied(content, encoding, tmp_path):
    file, copy = tmp_path / "a.csv", tmp_path / "copy.csv"
    file.write_bytes(content)
    assert as_utf8(file, encoding, lambda: copy) == copy
    assert copy.read_bytes() == TEXT.encode()


def test_what_is_utf_8_stays_where_it_is(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(TEXT, encoding="utf-8")
    assert as_utf8(file, "utf-8", lambda: pytest.fail("a copy was asked for")) == file


@pytest.mark.parametrize("start", list(PACKED))
def test_what_is_no_csv_is_refused_by_its_first_bytes(start, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(start + b"12345678")
    with pytest.raises(DataError, match="this is no CSV file"):
        as_utf8(file, "utf-8", lambda: tmp_path / "copy.csv")
