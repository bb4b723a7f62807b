import polars as pl
import pytest

from recipeline import DataError
from recipeline_plugins.preprocessing.tokenize_target import TokenizeTarget

SOUNDS = pl.DataFrame({"sound": ["HH AH0  L OW1", "L OW1", " AH0 ", "HH"]})


def made(step: TokenizeTarget, rows: pl.DataFrame, train: pl.DataFrame = SOUNDS) -> list[list[str | None]]:
    state = step.fit(train.lazy())
    tokens = step.tokens(state)
    lists = step.transform(rows.lazy(), state).collect()["sound"].to_list()
    return [[None if place is None else tokens[place] for place in row] for row in lists]


def test_words_are_what_stands_between_blanks() -> None:
    step = TokenizeTarget()
    assert made(step, SOUNDS) == [["HH", "AH0", "L", "OW1"], ["L", "OW1"], ["AH0"], ["HH"]]
    assert step.separator({}) == " "


def test_characters_keep_blanks_and_capitals() -> None:
    step = TokenizeTarget(by="characters")
    assert made(step, SOUNDS)[2] == [" ", "A", "H", "0", " "]
    assert "".join(made(step, SOUNDS)[0]) == "HH AH0  L OW1"
    assert step.separator({}) == ""


def test_the_most_frequent_come_first_and_the_alphabet_decides_between_equals() -> None:
    state = TokenizeTarget().fit(pl.LazyFrame({"sound": ["B A C", "C B", "D"]}))
    assert state == {"tokens": ["B", "C", "A", "D"]}
    assert TokenizeTarget(vocabulary=3).fit(pl.LazyFrame({"sound": ["B A C", "C B", "D"]})) == {
        "tokens": ["B", "C", "A"]
    }
    assert TokenizeTarget(min_frequency=2).fit(pl.LazyFrame({"sound": ["B A C", "C B"]})) == {"tokens": ["B", "C"]}


def test_what_training_did_not_see_has_no_place() -> None:
    other = pl.DataFrame({"sound": ["HH ZH", ""]})
    assert made(TokenizeTarget(), other) == [["HH", None], []]


def test_says_that_there_is_nothing() -> None:
    with pytest.raises(DataError, match="finds no token that occurs 3 times in the train rows"):
        TokenizeTarget(min_frequency=3).fit(SOUNDS.lazy())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"by": "pieces"}, "'words' or 'characters'"),
        ({"vocabulary": 0}, "greater than 0"),
        ({"length": 0}, "greater than 0"),
        ({"columns": "sound"}, "'target'"),
    ],
)
def test_refuses(refused, settings, words) -> None:
    assert words in refused(TokenizeTarget, settings)
