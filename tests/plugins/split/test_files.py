import polars as pl
import pytest

from recipeline import FILE_COLUMN, DataError
from recipeline_plugins.split.files import FilesSplit


def assign(files, **settings):
    return FilesSplit(**settings).assign(pl.DataFrame({FILE_COLUMN: files}), ("y",), 0).to_list()


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train.csv", "test.csv"),
        ("data/train.csv", "./data/test.csv"),
        ("tr*.csv", ["nothing_else*", "te?t.csv"][1:]),
        (["train.csv"], ["data/test.csv"]),
    ],
)
def test_the_end_of_the_path_decides(train, test):
    files = ["/x/data/train.csv", "/x/data/test.csv", "/x/data/train.csv"]
    assert assign(files, train=train, test=test) == ["train", "test", "train"]


def test_a_pattern_takes_several_files():
    files = ["2019/a.csv", "2019/b.csv", "2020/a.csv", "2021/a.csv"]
    found = assign(files, train="2019/*.csv", validation="2020/*.csv", test="2021/*.csv")
    assert found == ["train", "train", "validation", "test"]


def test_paths_of_windows_are_paths():
    assert assign(["C:\\data\\train.csv", "C:\\data\\test.csv"], train="data/train.csv", test="test.csv") == [
        "train",
        "test",
    ]


def test_parts_without_files_are_not_made():
    split = FilesSplit(train="a.csv", test="b.csv")
    assert [split.has(part) for part in ("train", "validation", "test")] == [True, False, True]
    assert split.needs(("y",)) == split.hides() == (FILE_COLUMN,)


def test_everything_that_does_not_fit_is_told_at_once():
    with pytest.raises(DataError) as caught:
        assign(["d/train.csv", "d/extra.csv", "d/test.csv"], train="tr*.csv", test=["t*.csv", "final.csv"])
    assert str(caught.value) == (
        "d/train.csv: the file belongs to train and test. Name each file in one of train, validation and test, or let "
        "the source read fewer files.\n"
        "d/extra.csv: the file belongs to no part. Name each file in one of train, validation and test, or let the "
        "source read fewer files.\n"
        "data.split.test: no file fits 'final.csv'. The source reads: d/train.csv, d/extra.csv, d/test.csv."
    )


def test_settings(refused):
    assert "Field required" in refused(FilesSplit, {"test": "b.csv"})
    assert "at least 1" in refused(FilesSplit, {"train": []})
