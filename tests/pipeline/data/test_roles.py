"""Each rule for a column's role, and the notes on columns that are left out."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline.data import roles
from recipeline.data.batched import Batched
from recipeline.errors import RecipeError
from recipeline.families.spec import Role

N = 40


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        ([1, 2] * 20, "numeric"),
        (list(range(N)), "numeric"),
        ([0.5, None] * 20, "numeric"),
        ([True, False] * 20, "boolean"),
        ([date(2024, 1, 1), date(2024, 1, 2)] * 20, "datetime"),
        (["a", "b"] * 20, "categorical"),
        (["a", None] * 20, "categorical"),
        ([f"name {n % 25}" for n in range(N)], "ignore"),
        ([f"a sentence of 20 letters {n % 25}" for n in range(N)], "text"),
        ([f"a sentence of 20 letters {n % 20}" for n in range(N)], "categorical"),
        ([f"city {n % 20}" for n in range(N)], "categorical"),
        ([f"id-{n}" for n in range(N)], "ignore"),
        ([f"a whole sentence with the number {n}" for n in range(N)], "text"),
        (["same"] * N, "ignore"),
        ([7] * N, "ignore"),
        (["same", None] * 20, "categorical"),
    ],
)
def test_rules(cells: list[Any], role: Role) -> None:
    found, notes, _ = roles.infer(Batched(pl.LazyFrame({"c": cells})), {})
    assert found == {"c": role}
    assert bool(notes) == (role == "ignore")


def test_columns_left_out_say_why() -> None:
    frame = pl.LazyFrame(
        {"k": ["x"] * N, "i": [f"{n:04}" for n in range(N)], "e": pl.Series([None] * N, dtype=pl.Int64)}
    )
    _, notes, _ = roles.infer(Batched(frame), {})
    assert "the same value in every row" in notes["k"]
    assert "40 of 40 values are different" in notes["i"]
    assert "data.columns: {i: categorical}" in notes["i"]
    assert "no values" in notes["e"]


def test_the_recipe_overrules_without_a_note() -> None:
    found, notes, _ = roles.infer(
        Batched(pl.LazyFrame({"k": ["x"] * N, "n": list(range(N))})), {"k": "categorical", "n": "ignore"}
    )
    assert found == {"k": "categorical", "n": "ignore"}
    assert notes == {}


def test_a_name_wins_over_a_glob() -> None:
    columns: dict[str, Role] = {"price_eu": "categorical", "price_*": "ignore"}
    names = ["price_eu", "price_us", "size"]
    assert roles.declared(columns, names) == {"price_eu": "categorical", "price_us": "ignore"}
    assert [roles.declared_role(columns, name) for name in names] == ["categorical", "ignore", None]


def test_unknown_columns_are_named_all_at_once_with_a_guess() -> None:
    with pytest.raises(RecipeError) as caught:
        roles.declared({"Incme": "ignore", "zip_*": "categorical"}, ["income", "age"])
    assert [problem.path for problem in caught.value.problems] == ["data.columns.Incme", "data.columns.zip_*"]
    assert "Did you mean 'income'?" in str(caught.value)
    assert "no column matches 'zip_*'" in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["a", "b"] * N, "categorical"),
        (["a"] * N, "ignore"),
        ([None] * N, "ignore"),
        (["a", *[None] * N], "categorical"),
        (["a"] * roles.LOOKED_AT + ["b"], "categorical"),
    ],
)
def test_columns_that_hold_few_words_in_all_rows_keep_the_rules_among_some(cells: list[Any], role: Role) -> None:
    rows = Batched(pl.LazyFrame({"c": pl.Series(cells, dtype=pl.String)}))
    found = roles.infer(rows, {}, few={"c"})
    assert found.roles == {"c": role}
    assert found == roles.infer(rows, {})


def test_few_words_are_told_of() -> None:
    frame = pl.LazyFrame({"few": ["a", "b"] * N, "many": [f"{n}" for n in range(2 * N)], "n": range(2 * N)})
    assert roles.infer(Batched(frame), {}).few == {"few"}


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["a", "b", None] * N, "categorical"),
        (["a"] * N, "ignore"),
        (["a", *[None] * N], "categorical"),
        ([f"{n}" for n in range(50)], "ignore"),
        ([f"{'long ' * 5}{n}" for n in range(50)], "text"),
    ],
)
def test_words_that_are_counted_already_keep_the_rules(cells: list[Any], role: Role) -> None:
    column = pl.Series("word", cells, dtype=pl.String)
    counted = {"c": column.drop_nulls().value_counts(name="rows")}
    rows = Batched(pl.LazyFrame({"c": column}))
    found = roles.infer(rows, {}, counted=counted)
    assert found.roles == {"c": role}
    assert found == roles.infer(rows, {})
    unlike = pl.Series("c", ["x"] * len(cells))
    assert roles.infer(Batched(unlike.to_frame().lazy()), {}, counted=counted) == found  # they aren't looked at


def test_names_of_image_files_are_looked_at_although_they_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    column = pl.Series("word", [str(path), "b.png"] * N)
    rows = Batched(pl.LazyFrame({"c": column}))
    assert roles.infer(rows, {}, counted={"c": column.value_counts(name="rows")}).roles == {"c": "image"}
