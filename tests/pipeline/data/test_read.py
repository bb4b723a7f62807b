"""The source read once into a typed table."""

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline.data.batched import Words
from recipeline.data.read import read
from recipeline.errors import DataError, Problem, RecipeError
from recipeline.families.source import Source
from recipeline.recipe.model import Recipe
from recipeline.storage import sealed

MakeRecipe = Callable[..., Recipe]
ROWS = pl.DataFrame({"n": [1, 2, 3], "w": ["a", "b", "a"], "y": [1.5, 2.5, 3.5]})


def test_a_second_read_is_answered_by_the_cache(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(ROWS)
    first = read(recipe, tmp_path / "cache")
    monkeypatch.setattr(type(recipe.data.source), "scan", lambda self: pytest.fail("scanned again"))
    second = read(recipe, tmp_path / "cache")
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert second.scan().collect().equals(ROWS)
    assert (second.rows, second.targets, second.task) == (3, ("y",), "regression")
    assert second.notes == first.notes


WORDS = "n,w,y\n1,a,1.5\n2,b,2.5\n3,,3.5\n4,a,4.5\n"


def test_the_first_time_the_fingerprint_is_taken_while_the_rows_are_read(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = type(make_recipe(WORDS).data.source)
    scanning, asked = threading.Event(), []
    scan, fingerprint = source.scan, source.fingerprint

    def scanned(self: Source) -> pl.LazyFrame:
        scanning.set()
        return scan(self)

    def fingerprinted(self: Source) -> str:
        asked.append(scanning.wait(0.5))
        return fingerprint(self)

    monkeypatch.setattr(source, "scan", scanned)
    monkeypatch.setattr(source, "fingerprint", fingerprinted)
    first = read(make_recipe(WORDS), tmp_path / "cache")
    scanning.clear()
    assert read(make_recipe(WORDS), tmp_path / "cache").cache_hit
    changed = read(make_recipe(WORDS + "5,b,5.5\n"), tmp_path / "cache")  # who knows before the fingerprint is there
    assert asked == [True, False, False]
    assert (first.rows, changed.rows) == (4, 5)
    assert first.fingerprint != changed.fingerprint


@pytest.mark.parametrize("broken", ["scan", "fingerprint"])
def test_what_fails_while_both_are_under_way_is_told_and_leaves_nothing(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(self: Source) -> Any:
        raise DataError(Problem(f"the {broken} is broken"))

    recipe = make_recipe(WORDS)
    closed = []
    monkeypatch.setattr(type(recipe.data.source), broken, fail)
    monkeypatch.setattr(type(recipe.data.source), "close", lambda self: closed.append(True))
    with pytest.raises(DataError, match=f"the {broken} is broken"):
        read(recipe, tmp_path / "cache")
    assert closed
    assert not (tmp_path / "cache").exists()


def test_words_that_the_source_has_counted_are_not_looked_at_again(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[type(make_recipe(WORDS).data.source).__module__]
    plain = read(make_recipe(WORDS), tmp_path / "plain")
    monkeypatch.setattr(module, "QUICK_BYTES", 0)
    monkeypatch.setattr(Words, "add", lambda *args: pytest.fail("looked at again"))
    table = read(make_recipe(WORDS), tmp_path / "cache")
    assert table.roles == plain.roles == {"n": "numeric", "w": "categorical", "y": "numeric"}
    assert table.few == plain.few == {"w"}
    assert table.scan().collect().equals(plain.scan().collect())


def test_a_table_that_was_digested_while_it_was_written_is_not_read_for_its_digest(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[type(make_recipe(WORDS).data.source).__module__]
    monkeypatch.setattr(module, "QUICK_BYTES", 0)
    with monkeypatch.context() as patched:
        patched.setattr(sealed, "_digest_of", lambda *args: pytest.fail("read once more"))
        table = read(make_recipe(WORDS), tmp_path / "cache")
    assert sealed.verify(table.path.parent, digest=sealed.QUICK).files.keys() == {"table.arrow"}


def test_other_rows_are_read_again(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    read(make_recipe(ROWS), tmp_path / "cache")
    table = read(make_recipe(ROWS.head(2)), tmp_path / "cache")
    assert not table.cache_hit
    assert table.rows == 2


def test_a_damaged_table_is_read_again_and_noted(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    table = read(make_recipe(ROWS), tmp_path / "cache")
    table.path.write_bytes(table.path.read_bytes()[:-100])
    again = read(make_recipe(ROWS), tmp_path / "cache")
    assert any("damaged" in note for note in again.notes)
    assert again.scan().collect().equals(ROWS)


def test_types_become_the_six_of_a_table(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    moment = datetime(2024, 1, 1, 12, tzinfo=UTC)
    rows = pl.DataFrame(
        {
            "i": pl.Series([1, 2], dtype=pl.Int8),
            "f": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "d": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)),
            "c": pl.Series(["a", "b"], dtype=pl.Categorical),
            "t": pl.Series([moment, moment]).dt.convert_time_zone("Europe/Zurich"),
            "y": [1.0, 2.0],
        }
    )
    table = read(make_recipe(rows), tmp_path / "cache")
    assert list(table.schema.values()) == [pl.Int64, pl.Float64, pl.Float64, pl.String, pl.Datetime("us"), pl.Float64]
    assert table.scan().collect()["f"].to_list() == [0.5, None]
    assert table.scan().collect()["t"][0] == datetime(2024, 1, 1, 12)


def test_nested_columns_are_refused_unless_ignored(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = ROWS.with_columns(l=pl.Series([{"a": 1}, {"a": 2}, {"a": 3}]))
    with pytest.raises(DataError, match=r"column 'l': a table has plain cells.*data.columns: \{l: ignore\}"):
        read(make_recipe(rows), tmp_path / "cache")


def test_infinite_numbers_are_refused_with_their_place(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = ROWS.with_columns(y=pl.Series([1.5, float("-inf"), 2.0]))
    with pytest.raises(DataError) as caught:
        read(make_recipe(rows), tmp_path / "cache")
    problem = caught.value.problems[0]
    assert (problem.row, problem.field, problem.found) == (2, "y", "-inf")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("Y", r"data.target: there is no column 'Y'. Did you mean 'y'\?"),
        (["y", "y"], "named once each"),
    ],
)
def test_a_target_that_is_not_there_is_refused(
    make_recipe: MakeRecipe, tmp_path: Path, target: str, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        read(make_recipe(ROWS, target=target), tmp_path / "cache")


def test_a_table_without_rows_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the data has no rows"):
        read(make_recipe(ROWS.clear()), tmp_path / "cache")


def test_a_declared_role_for_an_unknown_column_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"data.columns.ww: there is no column 'ww'. Did you mean 'w'\?"):
        read(make_recipe(ROWS, data={"columns": {"ww": "ignore"}}), tmp_path / "cache")


def test_notes_of_the_source_come_out_of_the_cache_too(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe("zip,y\n001,1.5\n002,2.5\n")
    for _ in range(2):
        assert any("leading zeros" in note for note in read(recipe, tmp_path / "cache").notes)


def test_rows_of_several_files_keep_their_places(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe("n,y\n1,1.5\n2,2.5\n")
    (tmp_path / "sows.csv").write_text("n,y\n3,3.5\n")
    source = recipe.data.source.model_copy(update={"path": "?ows.csv"})
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": source})})
    table = read(recipe, tmp_path / "cache")
    assert [(Path(file).name, row) for file, row in map(table.place, range(3))] == [
        ("rows.csv", 1),
        ("rows.csv", 2),
        ("sows.csv", 1),
    ]
    assert [Path(file).name for file in table.file_names()] == ["rows.csv", "rows.csv", "sows.csv"]
