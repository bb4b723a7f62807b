"""Rows get their parts, and parts that teach or judge nothing are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline.data import split as splitting
from recipeline.data.read import read
from recipeline.data.split import SplitTable, split
from recipeline.errors import DataError, RecipeError, RecipelineError
from recipeline.recipe.model import Recipe
from recipeline_plugins.source import csv
from recipeline_plugins.split.random import RandomSplit

MakeRecipe = Callable[..., Recipe]
BY_COLUMN = {"split": {"type": "column", "column": "part"}}


def halves(**columns: list[Any]) -> pl.DataFrame:
    """Six train rows, two of validation, two of test."""
    return pl.DataFrame({**columns, "part": ["train"] * 6 + ["validation"] * 2 + ["test"] * 2})


def parts_of(make_recipe: MakeRecipe, tmp_path: Path, rows: pl.DataFrame, **sections: Any) -> SplitTable:
    recipe = make_recipe(rows, **sections)
    return split(read(recipe, tmp_path / "cache"), recipe)


N = list(range(10))
WORDS = ["a", "b", "a", "b", "a", "b", "a", "b", "a", "b"]


def test_each_row_has_its_part(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=WORDS)
    found = parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)
    assert found.counts == {"train": 6, "validation": 2, "test": 2}
    assert found.parts().to_list() == rows["part"].to_list()


def test_the_column_of_the_split_is_no_feature(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    found = parts_of(make_recipe, tmp_path, halves(n=N, y=WORDS), data=BY_COLUMN)
    assert found.features == ("n",)
    assert any("'part' decides the split" in note for note in found.notes)


def test_a_missing_target_is_named(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=[*WORDS[:7], None, "a", None])
    with pytest.raises(DataError) as caught:
        parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)
    problem = caught.value.problems[0]
    assert (problem.row, problem.field) == (8, "y")
    assert "and in 1 more rows" in problem.message


def test_nan_in_the_target_is_missing(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=[float(n) for n in range(9)] + [float("nan")])
    with pytest.raises(DataError, match="row 10, column 'y': the target is missing"):
        parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)


def test_one_class_in_the_train_part_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=["a"] * 6 + ["b"] * 4)
    with pytest.raises(DataError, match=r"column 'y': the train part shows one class only \(found 'a'\)"):
        parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)


def test_a_class_that_train_never_shows_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=[*WORDS[:8], "c", "c"])
    with pytest.raises(DataError) as caught:
        parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)
    problem = caught.value.problems[0]
    assert (len(caught.value.problems), problem.row, problem.found) == (1, 9, "'c'")
    assert "test part never occurs in the train part" in problem.message


def test_a_part_without_rows_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=WORDS).head(8)
    with pytest.raises(DataError, match="the test part has no rows"):
        parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)


def test_three_classes_are_not_binary(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, y=["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"])
    with pytest.raises(DataError, match="the task binary has two classes"):
        parts_of(make_recipe, tmp_path, rows, data={**BY_COLUMN, "task": "binary"})


def test_a_column_that_the_split_needs_must_be_there(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    data = {"split": {"type": "group", "column": "hose"}}
    with pytest.raises(
        RecipeError, match=r"data.split: the split 'group' needs a column 'hose'.*Did you mean 'house'\?"
    ):
        parts_of(make_recipe, tmp_path, pl.DataFrame({"house": N, "y": WORDS}), data=data)


def test_no_feature_is_refused(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column is left to learn from"):
        parts_of(make_recipe, tmp_path, halves(n=[1] * 10, y=WORDS), data=BY_COLUMN)


def test_roles_come_from_train_rows_alone(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    rows = halves(n=N, k=["x"] * 6 + ["p", "q", "r", "s"], y=WORDS)
    found = parts_of(make_recipe, tmp_path, rows, data=BY_COLUMN)
    assert found.table.roles["k"] == "categorical"
    assert found.roles["k"] == "ignore"
    assert found.features == ("n",)
    assert any("Column 'k' is left out" in note for note in found.notes)


def test_files_are_parts(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(
        "n,y\n1,1.5\n2,2.5\n", data={"split": {"type": "files", "train": "rows.csv", "test": "sows.csv"}}
    )
    (tmp_path / "sows.csv").write_text("n,y\n3,3.5\n")
    source = recipe.data.source.model_copy(update={"path": "?ows.csv"})
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": source})})
    found = split(read(recipe, tmp_path / "cache"), recipe)
    assert found.parts().to_list() == ["train", "train", "test"]
    assert found.features == ("n",)


def test_a_split_by_files_needs_files(tmp_path: Path) -> None:
    data = {
        "source": {"type": "sample", "dataset": "iris"},
        "target": "species",
        "split": {"type": "files", "train": "a"},
    }
    recipe = Recipe.model_validate({"name": "t", "data": data, "architecture": "linear"})
    with pytest.raises(DataError, match="needs a source of files"):
        split(read(recipe, tmp_path / "cache"), recipe)


def test_the_split_of_an_earlier_run_is_taken_where_it_is_of_as_many_rows(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    rows = halves(n=N, y=WORDS)
    recipe = make_recipe(rows, data=BY_COLUMN)
    table = read(recipe, tmp_path / "cache")
    earlier = pl.Series("part", [None, "train", "test", *rows["part"].to_list()[3:]])
    taken = split(table, recipe, earlier)
    assert taken.parts().to_list() == earlier.to_list()
    anew = split(table, recipe, earlier.head(9))
    assert anew.parts().to_list() == rows["part"].to_list()
    assert "The earlier split is of 9 rows, and there are 10: it is made anew." in anew.notes


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", "b", "a", "a", "b", "a"], None),
        (["a", "b", "a", "a", "b", "c"], "'c'"),
        (["a", "b", "c", "a", "b", "a"], None),
        (["a", "a", "a", "a", "b", "a"], "one class only"),
    ],
)
@pytest.mark.parametrize("looked_at", [2, 100])
def test_counted_words_of_the_target_say_the_same_as_a_look_at_them(
    make_recipe: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    looked_at: int,
    labels: list[str],
    said: str | None,
) -> None:
    monkeypatch.setattr(csv, "QUICK_BYTES", 0)
    monkeypatch.setattr(splitting, "LOOKED_AT", looked_at)
    parts = ["train", "train", "train", "train", "validation", "test"]
    text = "x,y,part\n" + "".join(
        f"{n}.5,{label},{part}\n" for n, (label, part) in enumerate(zip(labels, parts, strict=True))
    )
    recipe = make_recipe(text, data={"split": {"type": "column", "column": "part"}})
    table = read(recipe, tmp_path / "cache")
    assert table.words["y"].height == len(set(labels))
    assert read(recipe, tmp_path / "cache").words == {}
    for known in (table, replace(table, words={})):
        if said is None:
            assert split(known, recipe).codes.tolist() == [0, 0, 0, 0, 1, 2]
            continue
        with pytest.raises(DataError, match=said):
            split(known, recipe)


@pytest.mark.parametrize("dtype", [pl.String, pl.Enum(["train", "validation", "test"]), pl.Categorical])
def test_parts_may_be_words_of_any_type(dtype: pl.DataType) -> None:
    given = pl.Series(["test", None, "train", "validation"], dtype=dtype)
    assert splitting._codes(given, 4, RandomSplit()).tolist() == [2, 255, 0, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (pl.Series(["train", "tests", "dev", None]), r"gave the words \['dev', 'tests'\]: expected one of train"),
        (pl.Series(["train", "other"], dtype=pl.Categorical), r"gave the words \['other'\]"),
        (pl.Series([0, 1]), r"gave the words \['0', '1'\]"),
        (pl.Series(["train"]), "gave 1 words for 2 rows"),
    ],
)
def test_what_is_no_part_is_the_splits_fault(given: pl.Series, said: str) -> None:
    with pytest.raises(RecipelineError, match=f"The split 'random' {said}"):
        splitting._codes(given, max(2, len(given)), RandomSplit())
