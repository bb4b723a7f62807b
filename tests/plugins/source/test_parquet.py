"""Parquet files with their own types, one or several."""

from pathlib import Path

import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.source.parquet import ParquetSource


def source(folder: Path, path: str = "data.parquet") -> ParquetSource:
    return ParquetSource.model_validate({"path": path}, context={"folder": folder})


def test_types_are_as_they_are(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, None], "f": [1.5, 2.5], "w": ["NA", None], "t": [True, False]})
    frame.write_parquet(tmp_path / "data.parquet")
    assert source(tmp_path).scan().collect().equals(frame)


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for number in (2, 1):
        pl.DataFrame({"n": [number, number]}).write_parquet(tmp_path / f"p{number}.parquet")
    made = source(tmp_path, "p*.parquet")
    assert made.scan().collect()["n"].to_list() == [1, 1, 2, 2]
    assert [(Path(file).name, count) for file, count in made.row_files()] == [("p1.parquet", 2), ("p2.parquet", 2)]


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"n": [1]}).write_parquet(tmp_path / "p1.parquet")
    pl.DataFrame({"n": ["x"]}).write_parquet(tmp_path / "p2.parquet")
    with pytest.raises(DataError, match=r"p2.parquet: this file has other columns.*found n String.*Expected: n Int64"):
        source(tmp_path, "p*.parquet").scan()


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1 cut"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"data.parquet: this is no Parquet file"):
        source(tmp_path).scan()


def test_the_fingerprint_follows_the_bytes(tmp_path: Path) -> None:
    pl.DataFrame({"n": [1]}).write_parquet(tmp_path / "data.parquet")
    first = source(tmp_path).fingerprint()
    assert source(tmp_path).fingerprint() == first
    pl.DataFrame({"n": [2]}).write_parquet(tmp_path / "data.parquet")
    assert source(tmp_path).fingerprint() != first
