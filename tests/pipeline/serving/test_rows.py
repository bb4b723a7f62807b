"""Files to predict from are read as the training's source read its own."""

import polars as pl
import pytest

from recipeline.catalog import installed
from recipeline.data.pipeline import Column, FittedPipeline
from recipeline.errors import DataError, UsageError
from recipeline.families.spec import InputSpec, TargetSpec
from recipeline.serving.bundle import Predictor
from recipeline.serving.rows import read_rows


@pytest.fixture
def read(train):
    def call(path, trained_on=None):
        return read_rows(path, train("grade").pipeline, trained_on or {"type": "parquet"}, installed())

    return call


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.parquet"])
def test_csv_and_parquet_give_the_same_answers(name, read, train, tmp_path):
    trained = train("grade")
    file = tmp_path / name
    if name == "rows.parquet":
        trained.rows.write_parquet(file)
    else:
        trained.rows.write_csv(file, separator="\t" if name == "rows.tsv" else ",")
    predictor = Predictor.load(trained.bundle)
    assert predictor.predict(read(file)).equals(predictor.predict(trained.rows))


def test_words_stay_words_even_if_they_look_like_numbers(read, train, tmp_path):
    train("grade").rows.write_csv(tmp_path / "rows.csv")
    assert read(tmp_path / "rows.csv")["code"].to_list()[:2] == ["000", "001"]


def test_the_trainings_settings_are_used_for_its_own_kind_of_file(read, train, tmp_path):
    train("grade").rows.write_csv(tmp_path / "rows.csv", separator=";")
    found = read(tmp_path / "rows.csv", {"type": "csv", "separator": ";"})
    assert found.columns == train("grade").rows.columns


def test_what_comes_from_the_environment_is_not_needed(read, train, tmp_path):
    train("grade").rows.write_csv(tmp_path / "rows.csv")
    found = read(tmp_path / "rows.csv", {"type": "csv", "separator": "${env:MINE}"})
    assert found.height == train("grade").rows.height


def test_files_that_can_not_be_read_say_why(read, tmp_path):
    with pytest.raises(
        UsageError, match=r"neither CSV nor Parquet by its name, nor a folder of images \(found .*rows.xls\)"
    ):
        read(tmp_path / "rows.xls")
    with pytest.raises(UsageError, match=r"nothere.csv: there is no such file"):
        read(tmp_path / "nothere.csv")
    pl.DataFrame({"size": []}, schema={"size": pl.Float64}).write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path / "empty.parquet")


def test_a_folder_is_for_a_model_that_takes_an_image(read, tmp_path):
    with pytest.raises(
        UsageError, match=r"DATA is a folder, and the model does not take one image a row .*: size, age, "
    ):
        read(tmp_path)


def test_a_folder_gives_a_row_for_each_image_by_name(tmp_path):
    for name in ("b.png", "a.JPG", "below/c.png", ".hidden/d.png", ".e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    columns = (Column("photo", "String", "image"), Column("size", "Int64", "numeric"))
    pipeline = FittedPipeline(columns, (), InputSpec({}), TargetSpec("regression", ("y",)))
    found = read_rows(tmp_path, pipeline, {}, installed())
    expected = [str(tmp_path / name) for name in ("a.JPG", "b.png", "below/c.png")]
    assert found.to_dict(as_series=False) == {"photo": expected}
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there are no images in this folder"):
        read_rows(tmp_path / "empty", pipeline, {}, installed())
