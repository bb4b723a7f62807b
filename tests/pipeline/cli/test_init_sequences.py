"""What `init` writes for a target that is a sequence: letters or pieces of words, and a Transformer that says it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from recipeline.cli.init import command
from recipeline.recipe.load import load_recipe
from recipeline.recipe.model import Recipe


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def spelt(rows: int = 1200) -> pl.DataFrame:
    words = [f"{np.base_repr(row * 7919 + 10**6, 26).lower()}" for row in range(rows)]
    return pl.DataFrame({"word": words, "sound": [" ".join(word.upper()) for word in words]})


def written(table: pl.DataFrame) -> tuple[str, Recipe]:
    table.write_parquet("rows.parquet")
    arguments = ["rows.parquet", "--target", "sound", "-o", "r.yaml", "--force"]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return Path("r.yaml").read_text(), load_recipe("r.yaml")


def test_words_that_hardly_repeat_are_read_letter_by_letter() -> None:
    text, recipe = written(spelt())
    assert recipe.data.task == "sequence"
    assert recipe.data.columns == {"word": "text"}
    assert recipe.architecture.plugin_name == "transformer"
    assert "{type: tokenize, columns: text, method: characters}" in text
    assert "  - {type: tokenize_target}" in text
    assert "metrics: [error_rate, exact_match]" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_sentences_are_read_in_pieces_and_the_longest_text_is_read() -> None:
    table = spelt().with_columns(
        short=pl.format("about {} and so", "word"), long=pl.format("what was said of {} when all was done", "word")
    )
    text, recipe = written(table)
    assert recipe.data.columns == {"word": "ignore", "short": "ignore"}
    assert "method: bpe, vocabulary: 1000" in text
    assert "# It needs: pip install 'recipeline[text]'" in text


def test_numbers_alone_say_nothing() -> None:
    table = spelt().with_columns(word=pl.int_range(pl.len()))
    table.write_parquet("rows.parquet")
    done = CliRunner().invoke(command, ["rows.parquet", "--target", "sound"], standalone_mode=False)
    assert "a sequence is learnt from a text or a series, and no column is one" in str(done.exception)
