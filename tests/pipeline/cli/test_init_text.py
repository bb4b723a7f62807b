"""What `init` writes for texts: pieces of words of their length, and a network of their number."""

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from recipeline.cli import init_text
from recipeline.cli.init import command
from recipeline.recipe.load import load_recipe
from recipeline.recipe.model import Recipe

SENTENCE = "this is what someone wrote about number {} at some length"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def texts(rows: int = 60, words: int = 1) -> pl.DataFrame:
    """Each says something of its own, over and over."""
    return pl.DataFrame(
        {"text": [" ".join([SENTENCE.format(row)] * words) for row in range(rows)], "y": ["no", "yes"] * (rows // 2)}
    )


def written(table: pl.DataFrame) -> tuple[str, Recipe]:
    table.write_csv("texts.csv")
    done = CliRunner().invoke(command, ["texts.csv", "--target", "y", "-o", "r.yaml", "--force"], standalone_mode=False)
    assert done.exception is None, done.exception
    return Path("r.yaml").read_text(), load_recipe("r.yaml")


def test_a_recurrent_network_reads_some_texts() -> None:
    text, recipe = written(texts())
    assert recipe.architecture.plugin_name == "gru"
    assert "{type: tokenize, columns: text, vocabulary: 1000, length: 16}" in text
    assert "# It needs: pip install 'recipeline[text]'" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_a_transformer_reads_long_ones_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    text, recipe = written(texts(words=25))
    assert recipe.architecture.plugin_name == "transformer"
    assert "length: 256" in text
    monkeypatch.setattr(init_text, "MANY", 60)
    text, recipe = written(texts())
    assert recipe.architecture.as_recipe()["width"] == 128


def test_a_missing_text_gets_a_word() -> None:
    table = texts().with_row_index().with_columns(text=pl.when(pl.col("index") != 3).then("text")).drop("index")
    assert "{type: impute, columns: text, strategy: constant, value: nothing}" in written(table)[0]


def test_few_plain_columns_stand_beside_the_text() -> None:
    table = texts().with_columns(stars=pl.int_range(60) % 5, town=pl.Series(["Bern", "Oslo", "Roma"] * 20))
    text, _ = written(table)
    steps = [line.partition(",")[0] for line in text.splitlines() if line.startswith("  - {type")]
    assert steps[:4] == ["  - {type: impute", "  - {type: standardize", "  - {type: one_hot", "  - {type: tokenize"]


def test_among_many_plain_columns_the_text_stays_out() -> None:
    table = texts().with_columns(pl.int_range(60).alias(f"x{column}") for column in range(4))
    text, recipe = written(table)
    assert recipe.architecture.plugin_name == "mlp"
    assert "text: ignore" in text
    assert "the step tokenize and the architecture gru would read it" in text


def test_of_several_texts_the_longest_is_read() -> None:
    table = texts().with_columns(title=pl.col("text").str.slice(0, 40) + pl.int_range(60).cast(pl.String))
    text, _ = written(table)
    assert "title: ignore" in text
    assert "a network reads one text a row" in text


@pytest.mark.parametrize(("rows", "pieces"), [(10, 1000), (3_300, 3000), (10**6, 8000)])
def test_more_texts_bear_more_pieces(rows: int, pieces: int) -> None:
    assert init_text.vocabulary(rows) == pieces
