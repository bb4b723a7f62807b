import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.strip_text import StripText

FRAME = pl.DataFrame({"s": [" Ab\t c ", "\n", "", None, "\u00a0É\u2003"]})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["Ab\t c", None, None, None, "É"]),
        ({"collapse": True}, ["Ab c", None, None, None, "É"]),
        ({"lower": True}, ["ab\t c", None, None, None, "é"]),
        ({"empty": "keep"}, ["Ab\t c", "", "", None, "É"]),
    ],
)
def test_text_is_stripped(apply, settings, expected):
    assert apply(StripText(**settings), FRAME)["s"].to_list() == expected


def test_categories_become_text_and_other_columns_stay(apply):
    frame = pl.DataFrame({"c": pl.Series(["a ", "a"], dtype=pl.Categorical), "n": [1, 2]})
    made = apply(StripText(), frame)
    assert made["c"].to_list() == ["a", "a"]
    assert made.dtypes == [pl.String, pl.Int64]


def test_unseen_text_is_treated_alike(apply):
    assert apply(StripText(), FRAME, pl.DataFrame({"s": [" new "]}))["s"].to_list() == ["new"]


def test_nothing_to_act_on_is_said():
    with pytest.raises(DataError, match=r"`strip_text` has nothing to act on: no chosen column holds text .found n, m"):
        StripText().fit(pl.LazyFrame({"n": [1], "m": [2.0]}))


def test_the_default_columns_are_words():
    assert StripText().columns == ["text", "categorical"]
