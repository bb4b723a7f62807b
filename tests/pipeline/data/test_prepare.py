"""From rows to arrays: fitted on train rows alone, the same from the cache, the same in memory and in batches."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch

from recipeline.catalog import installed
from recipeline.data import packed, table_file
from recipeline.data import prepare as preparing
from recipeline.data.pipeline import FittedPipeline
from recipeline.data.prepared import PreparedData
from recipeline.errors import DataError, Problem, RecipeError, RecipelineError
from recipeline.families.architecture import Architecture
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.spec import InputSpec, Role, State
from recipeline.recipe.model import Recipe
from recipeline_plugins.preprocessing.tokenize import Tokenize

MakeRecipe = Callable[..., Recipe]
Prepare = Callable[[Recipe], PreparedData]
BY_COLUMN = {"split": {"type": "column", "column": "part"}}
N = 200


def table(corrupted: bool = False) -> pl.DataFrame:
    """Rows of every role; `corrupted` changes every cell of the validation and test rows, the target's too."""
    chance = np.random.default_rng(0)
    part = np.array(["train", "train", "validation", "train", "test"])[np.arange(N) % 5]
    frame = pl.DataFrame(
        {
            "price": np.round(chance.lognormal(3, 1, N), 3),
            "age": chance.integers(1, 90, N),
            "city": chance.choice(["Bern", "Oslo", "Roma"], N),
            "sort": chance.choice([" a", "b ", "c"], N),
            "member": chance.choice([True, False], N),
            "since": pl.Series(chance.integers(0, 10_000, N)).cast(pl.Int32).cast(pl.Date),
            "y": chance.normal(100, 20, N),
            "part": part,
        }
    )
    holes = pl.int_range(pl.len()) % 11 == 3
    frame = frame.with_columns(pl.when(~holes).then(pl.col("age", "city")))
    if corrupted:
        elsewhere = pl.col("part") != "train"
        frame = frame.with_columns(
            pl.when(elsewhere).then(1e6 - pl.col("price")).otherwise("price").alias("price"),
            pl.when(elsewhere).then(pl.lit(None)).otherwise("age").alias("age"),
            pl.when(elsewhere).then(pl.lit("Atlantis")).otherwise("city").alias("city"),
            pl.when(elsewhere).then(pl.lit("zz")).otherwise("sort").alias("sort"),
            pl.when(elsewhere).then(~pl.col("member")).otherwise("member").alias("member"),
            pl.when(elsewhere).then(pl.date(2100, 1, 1)).otherwise("since").alias("since"),
            pl.when(elsewhere).then(-1e5).otherwise("y").alias("y"),
        )
    return frame


NEEDED: dict[str, dict[str, Any]] = {
    "cast": {"columns": "age", "to": "number"},
    "drop_columns": {"columns": "sort"},
    "replace": {"columns": "city", "values": {"Oslo": "Roma"}},
    "resize": {"size": [4, 4]},
}
"""Settings of the steps that have some without a default."""

AFTER: list[Any] = [
    "datetime_parts",
    "impute",
    {"type": "one_hot", "columns": "categorical"},
    "standardize",
    "normalize_target",
]
"""What makes numbers of whatever a step leaves."""


def arrays_of(data: PreparedData, part: Any) -> list[bytes]:
    found = data.parts[part]
    return [block.tobytes() for block in (*found.blocks, found.target, found.rows)]


def fitted(data: PreparedData) -> str:
    return json.dumps(data.pipeline.to_json())


# The target of a sequence is text: what makes tokens of it is held to the same in test_tokens.py.
STEPS = [name for name in installed().names("preprocessing") if name != "tokenize_target"]


@pytest.mark.parametrize("name", STEPS)
def test_validation_and_test_rows_change_nothing_that_is_learnt(
    name: str, make_recipe: MakeRecipe, make_ready: Prepare
) -> None:
    try:
        entry = installed().entry("preprocessing", name)
    except RecipeError:
        pytest.skip("two installed plugins share this name")
    step = {"type": name, **NEEDED.get(name, {})}
    before = [] if name in ("impute", "drop_missing", "drop_duplicates") else [{"type": "impute", "columns": "numeric"}]
    del entry
    sections = {"data": BY_COLUMN, "preprocessing": [*before, step, *AFTER]}
    clean = make_ready(make_recipe(table(), **sections))
    corrupted = make_ready(make_recipe(table(corrupted=True), **sections))
    assert not corrupted.cache_hit
    assert fitted(clean) == fitted(corrupted)
    assert arrays_of(clean, "train") == arrays_of(corrupted, "train")
    assert arrays_of(clean, "test") != arrays_of(corrupted, "test")


@pytest.mark.parametrize("name", STEPS)
def test_batches_and_memory_give_the_same_bytes(
    name: str, make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipeline.data.read import read
    from recipeline.data.split import split

    step = {"type": name, **NEEDED.get(name, {})}
    try:
        recipe = make_recipe(table(), data=BY_COLUMN, preprocessing=["drop_duplicates", step, "drop_missing", *AFTER])
    except ValueError:
        pytest.skip("two installed plugins share this name")
    parts = split(read(recipe, tmp_path / "cache"), recipe)
    kept = preparing.prepare(parts, recipe, tmp_path / "one")
    monkeypatch.setattr(preparing, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(table_file, "RECORD_ROWS", 17)
    streamed = preparing.prepare(parts, recipe, tmp_path / "two")
    assert fitted(kept) == fitted(streamed)
    for part in kept.parts:
        assert arrays_of(kept, part) == arrays_of(streamed, part)
    assert kept.notes == streamed.notes


def test_arrays_are_memory_mapped_by_part_in_the_sources_order(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table()
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=AFTER))
    assert {part: len(found) for part, found in data.parts.items()} == {"train": 120, "validation": 40, "test": 40}
    for part, found in data.parts.items():
        assert isinstance(found.blocks[0], np.memmap)
        assert found.blocks[0].flags.c_contiguous
        assert found.blocks[0].dtype == np.float32
        assert rows["part"][found.rows.tolist()].unique().to_list() == [part]
        assert (np.diff(found.rows) > 0).all()
        assert found.blocks[0].shape == (len(found), data.inputs.numeric)


def test_a_second_time_is_answered_by_the_cache(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    recipe = make_recipe(table(), data=BY_COLUMN, preprocessing=["drop_duplicates", *AFTER])
    first, second = make_ready(recipe), make_ready(recipe)
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert (first.key, first.notes, first.profile) == (second.key, second.notes, second.profile)
    assert fitted(first) == fitted(second)
    for part in first.parts:
        assert arrays_of(first, part) == arrays_of(second, part)


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": [*AFTER, "min_max"]},
        {"preprocessing": [{"type": "impute", "strategy": "most_frequent"}, *AFTER]},
        {"seed": 1, "data": {"split": {"type": "random"}}},
        {"data": {**BY_COLUMN, "columns": {"sort": "ignore"}}},
        {"architecture": "mlp"},
    ],
)
def test_what_the_arrays_depend_on_is_in_their_address(
    make_recipe: MakeRecipe, make_ready: Prepare, change: dict[str, Any]
) -> None:
    sections: dict[str, Any] = {"data": BY_COLUMN, "preprocessing": AFTER}
    first = make_ready(make_recipe(table(), **sections))
    second = make_ready(make_recipe(table(), **{**sections, **change}))
    assert first.key != second.key
    assert not second.cache_hit


def test_what_the_arrays_do_not_depend_on_is_not(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    sections: dict[str, Any] = {"data": BY_COLUMN, "preprocessing": AFTER}
    make_ready(make_recipe(table(), **sections))
    assert make_ready(make_recipe(table(), **sections, seed=5, optimizer={"type": "adam", "lr": 0.1})).cache_hit


def test_another_content_of_a_file_that_a_step_names_is_seen(
    make_recipe: MakeRecipe, make_ready: Prepare, tmp_path: Path
) -> None:
    words = pl.DataFrame({"t": ["a rose is a rose", "a rose"] * 5}).lazy()
    rows = table().with_columns(text=pl.lit("a rose is red") + pl.col("price").cast(pl.String))
    file = tmp_path / "tokenizer.json"
    step = {"type": "tokenize", "file": str(file)}
    sections: dict[str, Any] = {"data": BY_COLUMN | {"columns": {"text": "text"}}, "architecture": "gru"}
    sections["data"]["columns"] |= dict.fromkeys(("price", "age", "city", "sort", "member", "since"), "ignore")
    recipe = make_recipe(rows, **sections, preprocessing=[step])

    def written(vocabulary: int) -> PreparedData:
        file.write_text(Tokenize(vocabulary=vocabulary).fit(words)["t"], encoding="utf-8")
        return make_ready(recipe)

    first, same, other = written(20), written(20), written(12)
    assert (first.cache_hit, same.cache_hit, other.cache_hit) == (False, True, False)
    assert other.changed == ("what the settings of preprocessing[0] (tokenize) name",)
    assert first.inputs.blocks["tokens"].cardinalities > other.inputs.blocks["tokens"].cardinalities
    file.unlink()
    with pytest.raises(DataError, match="finds no file"):
        make_ready(recipe)


def test_a_number_to_learn_that_never_changes_is_said(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table().with_columns(y=pl.when(pl.col("part") == "train").then(7.5).otherwise("y"))
    found = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=AFTER))
    assert sum("The target 'y' is 7.5 in every train row" in note for note in found.notes) == 1
    found = make_ready(make_recipe(table(), data=BY_COLUMN, preprocessing=AFTER))
    assert not any("The target" in note for note in found.notes)


def test_damaged_arrays_are_made_again_and_noted(make_recipe: MakeRecipe, make_ready: Prepare, tmp_path: Path) -> None:
    recipe = make_recipe(table(), data=BY_COLUMN, preprocessing=AFTER)
    first = make_ready(recipe)
    expected = arrays_of(first, "train")
    (tmp_path / "cache" / "arrays" / first.key / "train.numeric.npy").write_bytes(b"damage")
    again = make_ready(recipe)
    assert any("damaged" in note for note in again.notes)
    assert arrays_of(again, "train") == expected


def test_coded_columns_come_apart_only_for_architectures_that_take_them(
    make_recipe: MakeRecipe, make_ready: Prepare
) -> None:
    steps = [{"type": "drop_columns", "columns": ["since", "sort"]}, "impute", "ordinal"]
    together = make_ready(make_recipe(table(), data=BY_COLUMN, preprocessing=steps, architecture="linear"))
    assert together.inputs.blocks["numeric"].names == ("price", "age", "city", "member")
    apart = make_ready(make_recipe(table(), data=BY_COLUMN, preprocessing=steps, architecture="mlp"))
    assert apart.inputs.blocks["numeric"].names == ("price", "age", "member")
    assert apart.inputs.blocks["categorical"].names == ("city",)
    codes = apart.parts["train"].blocks[1]
    assert codes.dtype == np.int64
    assert codes.max() < apart.inputs.cardinalities[0]
    assert (codes[:, 0] == together.parts["train"].blocks[0][:, 2]).all()


def test_a_kind_that_the_data_lacks_arrives_without_columns(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table().select("price", "y", "part")
    for part in make_ready(make_recipe(rows, data=BY_COLUMN, architecture="mlp")).parts.values():
        assert [block.shape[1] for block in part.blocks] == [1, 0]


class OnlyCodes(Architecture, name="only_codes"):
    """Takes codes alone."""

    accepts: ClassVar[tuple[str, ...]] = ("categorical",)

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        """Nothing."""


def test_numbers_for_an_architecture_without_them_are_refused(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table().select("price", "y", "part")
    with pytest.raises(RecipeError, match=r"architecture: 'only_codes' takes categorical, no numbers \(found price\)"):
        make_ready(make_recipe(rows, data=BY_COLUMN, architecture=OnlyCodes()))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("sort", r"a categorical column is left.*type: one_hot, columns: sort.*\{sort: ignore\}"),
        ("since", r"a datetime column is left.*type: datetime_parts, columns: since"),
    ],
)
def test_a_column_that_is_no_number_in_the_end_names_the_step_to_add(
    make_recipe: MakeRecipe, make_ready: Prepare, column: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        make_ready(make_recipe(table().select("price", column, "y", "part"), data=BY_COLUMN))


def test_a_value_that_is_still_missing_is_named(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    with pytest.raises(DataError) as caught:
        make_ready(make_recipe(table().select("price", "age", "y", "part"), data=BY_COLUMN))
    problem = caught.value.problems[0]
    assert (problem.row, problem.field) == (4, "age")
    assert "type: impute, columns: age" in str(caught.value)


def test_rows_left_out_are_counted_and_only_of_the_train_part(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = pl.concat([table(), table().filter(part="train").head(3)])
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=["drop_duplicates", *AFTER]))
    assert {part: len(found) for part, found in data.parts.items()} == {"train": 120, "validation": 40, "test": 40}
    assert data.parts["train"].rows.max() < N
    assert any("'drop_duplicates' leaves out 3 of 123 train rows" in note for note in data.notes)


def test_rows_that_differ_in_the_target_alone_are_no_duplicates(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    more = table().filter(part="train").head(2).with_columns(pl.col("y") + 1)
    rows = pl.concat([table(), more])
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=["drop_duplicates", *AFTER]))
    assert len(data.parts["train"]) == 122


def test_leaving_out_all_rows_is_refused(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table().with_columns(age=pl.when(pl.col("part") != "train").then("age"))
    steps = [{"type": "drop_missing", "columns": "age"}, *AFTER]
    with pytest.raises(DataError, match="'drop_missing' leaves out all 120 rows of the train part"):
        make_ready(make_recipe(rows, data={**BY_COLUMN, "columns": {"age": "numeric"}}, preprocessing=steps))


def test_the_target_is_normalized_by_train_rows_and_restored(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table()
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=AFTER))
    train = data.parts["train"]
    assert abs(float(train.target.mean())) < 1e-5
    restored = data.pipeline.restore_target(torch.from_numpy(np.array(data.parts["test"].target)))
    assert restored.dtype == torch.float64
    assert np.allclose(restored[:, 0], rows["y"].to_numpy()[data.parts["test"].rows], rtol=1e-6)


def test_a_target_transform_needs_a_regression(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    recipe = make_recipe(table().select("price", "member", "part"), target="member", data=BY_COLUMN)
    step = make_recipe(table(), preprocessing=["normalize_target"]).preprocessing
    with pytest.raises(RecipeError, match=r"preprocessing\[0\]: 'normalize_target' works on the numbers"):
        make_ready(recipe.model_copy(update={"preprocessing": step}))


def test_unknown_columns_of_a_step_are_refused_with_their_place(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    steps = ["impute", {"type": "standardize", "columns": "prise"}]
    with pytest.raises(RecipeError, match=r"preprocessing\[1\].columns: there is no column 'prise' here.*'price'\?"):
        make_ready(make_recipe(table(), data=BY_COLUMN, preprocessing=steps))


def test_a_step_without_a_column_says_so(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table().select("price", "y", "part")
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=["one_hot"]))
    assert any("'one_hot' has nothing to do: no column is categorical" in note for note in data.notes)


class Wrong(Preprocessing, name="wrong"):
    """Does one of the things that a step must not do."""

    way: str

    def fit(self, frame: pl.LazyFrame) -> State:
        """Something that is no JSON, if asked."""
        return {"value": object() if self.way == "object" else float("nan") if self.way == "nan" else 1}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Something that is not allowed, if asked."""
        if self.way == "rows":
            return frame.head(1)
        return frame.with_columns(pl.lit(1).alias({"clash": "age", "target": "y"}.get(self.way, "new")))


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("object", r"preprocessing\[0\]: the state that 'wrong' has learnt can't be written as JSON"),
        ("nan", "can't be written as JSON"),
        ("rows", "'wrong' turned .* rows into 1: transform must keep every row"),
        ("clash", "'wrong' makes a column 'age', but there is one of that name"),
        ("target", "'wrong' makes a column 'y', but there is one of that name"),
    ],
)
def test_a_step_that_breaks_its_promise_is_named(
    make_recipe: MakeRecipe, make_ready: Prepare, way: str, words: str
) -> None:
    rows = table().select("price", "age", "y", "part")
    with pytest.raises(RecipelineError, match=words):
        make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=[Wrong(columns="price", way=way)]))


def test_the_profile_counts_train_rows(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table()
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=AFTER))
    train = rows.filter(part="train")
    assert data.profile["rows"] == {"train": 120, "validation": 40, "test": 40}
    assert data.profile["columns"]["age"]["missing"] == train["age"].null_count()
    assert data.profile["columns"]["price"]["max"] == train["price"].max()
    assert "part" not in data.profile["columns"]


def test_declared_roles_are_obeyed(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    columns: dict[str, Role] = {"age": "categorical", "s*": "ignore", "city": "ignore"}
    data = make_ready(make_recipe(table(), data={**BY_COLUMN, "columns": columns}, preprocessing=[{"type": "one_hot"}]))
    names = data.inputs.blocks["numeric"].names
    assert not any(name.startswith(("s", "city")) for name in names)
    assert sum(name.startswith("age") for name in names) > 10


def test_the_pipeline_survives_its_way_through_json(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = table()
    data = make_ready(make_recipe(rows, data=BY_COLUMN, preprocessing=AFTER))
    written = json.loads(json.dumps(data.pipeline.to_json()))
    again = FittedPipeline.from_json(written, installed())
    raw = rows.drop("y", "part")
    found = again.transform(raw)
    for part in data.parts.values():
        assert (found[0][part.rows] == part.blocks[0]).all()
    one_by_one = np.concatenate([again.transform(raw.slice(row, 1))[0] for row in range(20)])
    assert (one_by_one == found[0][:20]).all()


def test_packed_rows_are_the_same_rows(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipeline.data.read import read
    from recipeline.data.split import split

    steps = ["drop_duplicates", *AFTER]
    recipe = make_recipe(table(), data=BY_COLUMN, preprocessing=steps, architecture="mlp")
    parts = split(read(recipe, tmp_path / "cache"), recipe)
    wide = preparing.prepare(parts, recipe, tmp_path / "one")
    monkeypatch.setattr(packed, "LEAST_BYTES", 0)
    monkeypatch.setattr(packed, "WORTH", 1)
    monkeypatch.setattr(table_file, "RECORD_ROWS", 17)
    narrow = preparing.prepare(parts, recipe, tmp_path / "two")
    assert fitted(wide) == fitted(narrow)
    for part, found in narrow.parts.items():
        assert isinstance(found.blocks[0], np.memmap)
        assert found.blocks[0].dtype.names is not None
        assert np.array_equal(packed.widened(found.blocks[0]), wide.parts[part].blocks[0])
        assert np.array_equal(found.blocks[1], wide.parts[part].blocks[1])
        assert found.blocks[0].nbytes < wide.parts[part].blocks[0].nbytes


def test_a_missing_value_among_packed_rows_is_named_as_ever(
    make_recipe: MakeRecipe, make_ready: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(
        table().select("age", "city", "member", "y", "part"),
        data=BY_COLUMN,
        preprocessing=[{"type": "one_hot", "columns": "categorical"}],
    )
    said = []
    for least in (2**40, 0):
        monkeypatch.setattr(packed, "LEAST_BYTES", least)
        with pytest.raises(DataError) as caught:
            make_ready(recipe)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "row 4, column 'age': a value is missing after the last preprocessing step" in said[1]


class Fits(Preprocessing, name="fits"):
    """Notes in which thread it is fitted, on which columns, and what they held."""

    fits_beside = True
    seen: ClassVar[list[tuple[str, list[str], int]]] = []
    fails: bool = False

    def fit(self, frame: pl.LazyFrame) -> State:
        """The sum of all values."""
        rows = frame.collect()
        self.seen.append((threading.current_thread().name, rows.columns, rows.height))
        if self.fails:
            raise DataError(Problem("fits fails"))
        return {"sum": float(sum(column.cast(float).sum() for column in rows))}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """The columns plus the sum."""
        return frame.select(pl.all() + state["sum"])


def with_steps(recipe: Recipe, *steps: Preprocessing) -> Recipe:
    return recipe.model_copy(update={"preprocessing": [*(recipe.preprocessing or ()), *steps]})


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        (["a", "b"], ["main", "early"]),
        (["a", "a"], ["main", "main"]),
        (["a", ["a", "b"], "c"], ["main", "main", "early"]),
        (["a", "b", "b"], ["main", "early", "main"]),
        (["numeric", "numeric"], ["main", "main"]),
    ],
)
def test_a_step_on_columns_that_none_has_touched_is_fitted_beside_the_others(
    chosen: list[str | list[str]],
    where: list[str],
    make_recipe: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from recipeline.data.read import read
    from recipeline.data.split import split

    rows = pl.DataFrame({name: np.arange(40) % (7 + place) for place, name in enumerate("abcy")})
    recipe = with_steps(make_recipe(rows), *(Fits(columns=each) for each in chosen))
    parts = split(read(recipe, tmp_path / "cache"), recipe)
    one_after_the_other = preparing.prepare(parts, recipe, tmp_path / "one")
    assert {thread for thread, _, _ in Fits.seen} == {threading.current_thread().name}
    monkeypatch.setattr(preparing, "IN_MEMORY_BYTES", 0)
    Fits.seen.clear()
    beside = preparing.prepare(parts, recipe, tmp_path / "two")
    assert fitted(one_after_the_other) == fitted(beside)
    threads = ["early" if "beside" in thread else "main" for thread, _, _ in Fits.seen]
    assert sorted(threads) == sorted(where)
    Fits.seen.clear()


def test_what_was_learnt_early_of_other_columns_is_learnt_again(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipeline.data.read import read
    from recipeline.data.split import split

    steps = [{"type": "cast", "columns": "age", "to": "category"}, "ordinal", *AFTER]
    recipe = make_recipe(table(), data=BY_COLUMN, preprocessing=steps)
    parts = split(read(recipe, tmp_path / "cache"), recipe)
    kept = preparing.prepare(parts, recipe, tmp_path / "one")
    monkeypatch.setattr(preparing, "IN_MEMORY_BYTES", 0)
    streamed = preparing.prepare(parts, recipe, tmp_path / "two")
    assert fitted(kept) == fitted(streamed)
    (ordinal,) = [step for step in streamed.pipeline.steps if step.plugin.plugin_name == "ordinal"]
    assert set(ordinal.columns) == {"age", "city", "sort"}


def test_a_row_filter_and_steps_that_do_not_allow_it_keep_the_order(
    make_recipe: MakeRecipe, make_ready: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "IN_MEMORY_BYTES", 0)
    rows = pl.DataFrame({name: np.arange(40) % (7 + place) for place, name in enumerate("aby")})
    two = [Fits(columns="a"), Fits(columns="b")]
    make_ready(with_steps(make_recipe(rows, preprocessing=["drop_missing"]), *two))
    monkeypatch.setattr(Fits, "fits_beside", False)
    make_ready(with_steps(make_recipe(rows), *two))
    assert {thread for thread, _, _ in Fits.seen} == {threading.current_thread().name}
    Fits.seen.clear()


def test_a_step_that_fails_early_is_told_of_in_its_turn(
    make_recipe: MakeRecipe, make_ready: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "IN_MEMORY_BYTES", 0)
    rows = pl.DataFrame({"a": ["u", "v"] * 20, "b": range(40), "y": np.arange(40) / 3})
    late = Fits(columns="b", fails=True)
    with pytest.raises(DataError, match="fits fails"):
        make_ready(with_steps(make_recipe(rows, preprocessing=["one_hot"]), late))
    with pytest.raises(DataError, match="standardize"):
        make_ready(with_steps(make_recipe(rows, preprocessing=[{"type": "standardize", "columns": "a"}]), late))
    Fits.seen.clear()


@pytest.mark.parametrize("filtered", [False, True])
def test_targets_come_by_part_in_the_sources_order(
    filtered: bool, make_recipe: MakeRecipe, make_ready: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "TARGET_ROWS", 7)
    rows = table().with_columns(z=pl.col("y") * 2)
    steps = (["drop_missing"] if filtered else []) + AFTER[:3]
    data = make_ready(make_recipe(rows, target=["y", "z"], data=BY_COLUMN, preprocessing=steps))
    for found in data.parts.values():
        assert np.array_equal(found.target, rows["y", "z"][found.rows].to_numpy().astype(np.float32))
    words = rows.with_columns(y=pl.col("part") + pl.Series(["x", "z"] * (N // 2)))
    words = words.with_columns(part=rows["part"], y=pl.col("y").str.slice(-1))
    data = make_ready(make_recipe(words, data=BY_COLUMN, preprocessing=steps))
    for found in data.parts.values():
        assert found.target.tolist() == (words["y"][found.rows] == "z").cast(int).to_list()
