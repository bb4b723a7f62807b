"""A served model reads no file for whoever asks, but below the folders that its owner has named."""

import base64
from types import SimpleNamespace

import pandas as pd
import polars as pl
import pytest

from recipeline.data.pipeline import Column
from recipeline.errors import DataError
from recipeline.serving.files import VARIABLE, allowed_files
from recipeline.serving.frames import request_rows

PIPELINE = SimpleNamespace(
    columns=(Column("photo", "String", "image"), Column("name", "String", "text")), steps=(), location="the rows"
)
IMAGE = base64.b64encode(bytes(range(90))).decode()


def given(*cells):
    return pl.DataFrame({"photo": list(cells), "name": ["/etc/passwd"] * len(cells)})


@pytest.mark.parametrize(
    "cell",
    ["/etc/passwd", "../secret.png", "photo.png", "~/x.png", "file:///etc/passwd", "\\\\host\\share\\x.png",
     "/" + "a" * 90 + ".png", "data:image/png;base64,../../etc/passwd", "a\0b.png", "", "x" * 5000 + "/../y.png"],
)  # fmt: skip
def test_no_path_is_read(cell, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DataError, match=r"row 2, column 'photo': a served model reads no files for whoever asks"):
        allowed_files(given(IMAGE, cell), PIPELINE)


def test_the_image_itself_is_taken(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    rows = given(IMAGE, f"data:image/png;base64,{IMAGE}", None)
    assert allowed_files(rows, PIPELINE).equals(rows)
    for cell in (b"\x89PNG", [[1, 2], [3, 4]]):
        rows = pl.DataFrame({"photo": [cell]})
        assert allowed_files(rows, PIPELINE).equals(rows)


def test_files_below_a_named_folder_are_read_and_no_others(monkeypatch, tmp_path):
    inside = tmp_path / "photos"
    (inside / "more").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"")
    (inside / "more" / "a.png").write_bytes(b"")
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    monkeypatch.setenv(VARIABLE, f"{tmp_path / 'none'}:{inside}")
    found = allowed_files(given(str(inside / "more" / "a.png"), "more/a.png", IMAGE, None), PIPELINE)
    path = str((inside / "more" / "a.png").resolve())
    assert found["photo"].to_list()[0] == path
    assert found["photo"].to_list()[2:] == [IMAGE, None]
    for cell in (str(tmp_path / "secret.png"), str(inside / ".." / "secret.png"), str(inside / "link.png"), "/etc/x"):
        with pytest.raises(DataError, match="reads no files but those in the folders that its owner has named"):
            allowed_files(given(cell), PIPELINE)


def test_what_a_request_holds_is_looked_at_whatever_pandas_made_of_it(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    for cells in (["/etc/passwd"], [b"\x89PNG", "/etc/passwd"], [[[1]], "/etc/passwd"]):
        with pytest.raises(DataError, match="column 'photo': a served model reads no files"):
            request_rows(pd.DataFrame({"photo": cells, "name": ["x"] * len(cells)}), PIPELINE)


def test_the_answer_does_not_tell_which_files_there_are(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    said = []
    for cell in ("/etc/passwd", "/etc/passwx"):
        with pytest.raises(DataError) as refused:
            allowed_files(given(cell), PIPELINE)
        said.append(str(refused.value).replace(cell, ""))
    assert said[0] == said[1]
