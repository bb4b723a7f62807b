import json
import sys
from pathlib import Path

import polars as pl
import pytest

from recipeline import DataError, MissingExtra
from recipeline_plugins.preprocessing.tokenize import Tokenize

TEXTS = [
    "A witty film, and a witless sequel.",
    "The film is unbelievably dull; the sequel is dull too.",
    "Witty, warm and unbelievably well made.",
    "Dull. Dull. Dull.",
] * 3
TRAIN = pl.DataFrame({"t": TEXTS})


def pieces(state: dict[str, str], ids: list[int]) -> list[str]:
    """What the numbers stand for; 0 is padding, so that all are one more than the library's."""
    names = {number + 1: piece for piece, number in json.loads(state["t"])["model"]["vocab"].items()}
    return [names[number] for number in ids]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vocabulary": 9}, "greater than or equal to 10"),
        ({"length": 0}, "greater than 0"),
        ({"method": "letters"}, "'bpe', 'wordpiece', 'words' or 'characters'"),
        ({"file": ""}, "at least 1 character"),
    ],
)
def test_refuses(refused, settings, words):
    assert words in refused(Tokenize, settings)


@pytest.mark.parametrize("method", ["bpe", "wordpiece"])
def test_pieces_make_up_the_words(method, apply):
    step = Tokenize(method=method, vocabulary=200)
    state = step.fit(TRAIN.lazy())
    made = apply(step, TRAIN)
    assert made.schema == {"t": pl.List(pl.Int64)}
    whole = "".join(piece.removeprefix("##") for piece in pieces(state, made["t"][1].to_list()))
    assert whole == TEXTS[1].lower().replace(" ", "")
    assert made["t"].list.min().min() >= 1
    assert step.cardinalities(state)["t"] > made["t"].list.max().max()


@pytest.mark.parametrize("method", ["bpe", "wordpiece"])
def test_frequent_words_are_one_piece_and_unseen_ones_several(method, apply):
    step = Tokenize(method=method, vocabulary=200)
    made = apply(step, TRAIN, pl.DataFrame({"t": ["dull", "DULL", "madewell", "雪", "", "   ", None]}))["t"]
    assert [None if row is None else len(row) for row in made.to_list()][:2] == [1, 1]
    assert made[0].to_list() == made[1].to_list()
    assert len(made[2]) > 1
    assert 1 not in made[2].to_list()
    assert [row if row is None else row.to_list() for row in list(made)[3:]] == [[1], [1], [1], None]


def test_settings_act(apply):
    rows = pl.DataFrame({"t": ["dull dull dull", "DULL"]})
    assert apply(Tokenize(length=2), TRAIN, rows)["t"].list.len().to_list() == [2, 1]
    kept = Tokenize(lowercase=False)
    assert apply(kept, TRAIN, rows)["t"][1].to_list() != apply(kept, TRAIN, rows)["t"][0].to_list()[:1]
    small, large = (
        Tokenize(vocabulary=n).cardinalities(Tokenize(vocabulary=n).fit(TRAIN.lazy()))["t"] for n in (40, 90)
    )
    assert small <= 41 < large <= 91
    rare = Tokenize(min_frequency=100).fit(TRAIN.lazy())
    assert all(len(piece) == 1 or piece == "[UNK]" for piece in json.loads(rare["t"])["model"]["vocab"])


@pytest.mark.parametrize("method", ["bpe", "wordpiece"])
def test_the_same_rows_in_any_order_of_threads_give_the_same_vocabulary(method):
    """Many equally frequent pairs: what the library alone would number in the order of a hash table."""
    words = [a + b + c for a in "abcdefgh" for b in "ijklmnop" for c in "qrstuvwx"]
    train = pl.DataFrame({"t": [" ".join(words[i::7]) for i in range(7)] * 2}).lazy()
    step = Tokenize(method=method, vocabulary=120)
    assert len({json.dumps(step.fit(train)) for _ in range(4)}) == 1


def test_the_text_of_a_special_piece_is_text(apply):
    known = Tokenize(vocabulary=300)
    train = pl.DataFrame({"t": ["[UNK] [UNK] [PAD]"] * 4})
    assert apply(known, train)["t"][0].to_list().count(1) == 0


def test_a_file_is_taken_as_it_is(tmp_path: Path, apply):
    learnt = Tokenize(vocabulary=60).fit(TRAIN.lazy())["t"]
    (tmp_path / "tokenizer.json").write_text(learnt, encoding="utf-8")
    step = Tokenize.model_validate({"file": "tokenizer.json"}, context={"folder": tmp_path})
    other = pl.DataFrame({"t": ["quite other words"]})
    state = step.fit(other.lazy())
    (tmp_path / "tokenizer.json").unlink()  # the state has it
    made = step.transform(TRAIN.lazy(), state).collect()
    assert made.equals(apply(Tokenize(vocabulary=60), TRAIN))


@pytest.mark.parametrize(("content", "words"), [(None, "finds no file"), ("{}", "can't read this as a tokenizer.json")])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content, words):
    if content is not None:
        (tmp_path / "t.json").write_text(content)
    step = Tokenize.model_validate({"file": "t.json"}, context={"folder": tmp_path})
    with pytest.raises(DataError, match=words):
        step.fit(TRAIN.lazy())


def test_characters_and_words_need_no_library(monkeypatch, apply):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    train = pl.DataFrame({"t": ["Abba bab", "ﬁt fit", "a"]})  # the second begins with one sign that stands for two
    letters = Tokenize(method="characters")
    state = letters.fit(train.lazy())
    assert state["t"]["tokens"] == ["a", "b", " ", "f", "i", "t"]
    assert letters.cardinalities(state) == {"t": 8}
    rows = pl.DataFrame({"t": ["ABt?", "", None, "ﬁ"]})
    assert apply(letters, train, rows)["t"].to_list() == [[2, 3, 7, 1], [1], None, [5, 6]]
    words = Tokenize(method="words", lowercase=False, min_frequency=1, length=2)
    assert words.fit(train.lazy())["t"]["tokens"] == ["fit", "Abba", "a", "bab"]
    assert apply(words, train, pl.DataFrame({"t": ["a  Abba\nbab", "abba", " "]}))["t"].to_list() == [[4, 3], [1], [1]]
    assert not letters.needed_packages()
    assert Tokenize(method="characters", file="tokenizer.json").needed_packages() == {"tokenizers"}
    few = Tokenize(method="characters", vocabulary=10, min_frequency=4)
    assert few.fit(train.lazy())["t"]["tokens"] == ["a", "b"]


def test_numbers_are_refused():
    with pytest.raises(DataError, match="can't work on a column of whole numbers"):
        Tokenize().fit(pl.LazyFrame({"t": [1, 2]}))


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'recipeline\[text\]'"):
        Tokenize().fit(TRAIN.lazy())
