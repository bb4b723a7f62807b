"""Raw rows through the fitted steps, as serving does it."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from recipeline.catalog import installed
from recipeline.data.pipeline import FittedPipeline
from recipeline.data.prepared import PreparedData
from recipeline.errors import DataError, RecipeError, UsageError
from recipeline.recipe.model import Recipe

MakeRecipe = Callable[..., Recipe]
Prepare = Callable[[Recipe], PreparedData]

ROWS = pl.DataFrame(
    {
        "age": [20, None, 40, 50, 60, 30, 20, 45, 33, 71] * 4,
        "city": ["Bern", "Oslo", None, "Roma"] * 10,
        "member": [True, False] * 20,
        "y": ["no", "yes"] * 20,
    }
)
STEPS = [{"type": "impute", "columns": "numeric"}, "one_hot"]


@pytest.fixture
def pipeline(make_recipe: MakeRecipe, make_ready: Prepare) -> FittedPipeline:
    return make_ready(make_recipe(ROWS, preprocessing=STEPS)).pipeline


def test_rows_keep_their_number_and_order(pipeline: FittedPipeline) -> None:
    raw = ROWS.drop("y")
    (whole,) = pipeline.transform(raw)
    assert whole.shape == (40, pipeline.inputs.numeric)
    assert whole.dtype == np.float32
    backwards = pipeline.transform(raw.reverse())[0]
    assert (backwards[::-1] == whole).all()


def test_no_row_is_no_error(pipeline: FittedPipeline) -> None:
    assert pipeline.transform(ROWS.drop("y").clear())[0].shape == (0, pipeline.inputs.numeric)


def test_cells_may_be_words_and_columns_in_any_order(pipeline: FittedPipeline) -> None:
    raw = ROWS.drop("y").head(8)
    words = raw.select(pl.col("member", "city").cast(pl.String), pl.col("age").cast(pl.String).fill_null("NA"))
    assert (pipeline.transform(words)[0] == pipeline.transform(raw)[0]).all()


def test_further_columns_are_ignored(pipeline: FittedPipeline) -> None:
    raw = ROWS.drop("y").head(4)
    assert (pipeline.transform(raw.with_columns(more=pl.lit("x")))[0] == pipeline.transform(raw)[0]).all()


def test_missing_columns_are_named_all_at_once(pipeline: FittedPipeline) -> None:
    with pytest.raises(DataError) as caught:
        pipeline.at("new.csv").transform(ROWS.select("member"))
    assert [problem.field for problem in caught.value.problems] == ["age", "city"]
    assert str(caught.value).splitlines() == [
        "new.csv, column 'age': this column is missing.",
        "new.csv, column 'city': this column is missing. Expected columns: age, city, member.",
    ]


def test_a_column_that_is_dropped_or_ignored_may_be_missing(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = ROWS.with_columns(id=pl.int_range(pl.len()), note=pl.lit("x"), code=pl.col("age") * 2)
    steps = [{"type": "drop_columns", "columns": ["id"]}, *STEPS, {"type": "drop_columns", "columns": "code"}]
    made = make_ready(make_recipe(rows, preprocessing=steps, data={"columns": {"note": "ignore"}}))
    serving = FittedPipeline.from_json(made.pipeline.to_json(), installed())
    assert [column.name for column in serving.columns] == ["age", "city", "member", "code"]  # impute has looked at code
    raw = rows.drop("y").head(5)
    expected = made.parts["train"].blocks[0].shape[1]
    (found,) = serving.transform(raw.drop("id", "note"))
    assert found.shape == (5, expected)
    assert (found == serving.transform(raw)[0]).all()


def test_a_cell_of_the_wrong_kind_is_named(pipeline: FittedPipeline) -> None:
    raw = pl.DataFrame({"age": ["20", "old"], "city": ["Bern", "Bern"], "member": [True, True]})
    with pytest.raises(DataError, match=r"row 2, column 'age': expected a number \(found 'old'\)"):
        pipeline.transform(raw)


def test_a_missing_value_that_no_step_fills_is_named(pipeline: FittedPipeline) -> None:
    raw = ROWS.drop("y").head(3).with_columns(member=pl.Series([True, None, None]))
    with pytest.raises(DataError, match=r"row 2, column 'member': a value is missing after the last"):
        pipeline.transform(raw)


def test_a_number_beyond_32_bits_is_named(pipeline: FittedPipeline) -> None:
    raw = ROWS.drop("y").head(2).with_columns(age=pl.Series([1.0, 1e300]))
    with pytest.raises(DataError, match=r"row 2, column 'age': a value is not finite.*found 1e\+300"):
        pipeline.transform(raw)


@pytest.mark.parametrize("classes", [["a", "b"], [3, 5], [False, True], [0.5, 1.0]])
def test_classes_keep_their_own_types(make_recipe: MakeRecipe, make_ready: Prepare, classes: list[object]) -> None:
    rows = ROWS.with_columns(y=pl.Series(classes * 20))
    data = make_ready(make_recipe(rows, preprocessing=STEPS, data={"task": "binary"}))
    again = FittedPipeline.from_json(data.pipeline.to_json(), installed())
    assert again.target == data.target
    assert [type(label) for label in again.target.classes] == [type(label) for label in classes]


def test_another_format_is_refused(pipeline: FittedPipeline) -> None:
    with pytest.raises(UsageError, match="format 99"):
        FittedPipeline.from_json({**pipeline.to_json(), "format": 99}, installed())


def test_a_step_that_is_not_installed_is_named(pipeline: FittedPipeline) -> None:
    written = pipeline.to_json()
    written["steps"][0]["plugin"]["type"] = "acme_magic"
    with pytest.raises(RecipeError, match="no preprocessing is named 'acme_magic'"):
        FittedPipeline.from_json(written, installed())


def test_one_column_of_codes_may_be_written_to(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    """torch warns of arrays that it may not write to, once a process, and a served model's log would show it."""
    rows = ROWS.select("city", "y").drop_nulls()
    steps = [{"type": "ordinal", "columns": "categorical"}]
    ready = make_ready(make_recipe(rows, preprocessing=steps, architecture="mlp"))
    assert all(block.flags.writeable for block in ready.pipeline.transform(rows.drop("y")))


def test_a_sequence_and_plain_columns_make_blocks_of_one_network(make_recipe: MakeRecipe, make_ready: Prepare) -> None:
    rows = pl.DataFrame({"sound": [[0.5, 1.0], [2.0], [3.0, 4.0, 5.0]] * 8, "age": range(24), "y": ["a", "b"] * 12})
    rows = rows.with_columns(town=pl.col("age").mod(3).replace_strict({0: "Bern", 1: "Oslo", 2: "Roma"}))
    steps = [{"type": "ordinal", "columns": "town"}]
    ready = make_ready(make_recipe(rows, preprocessing=steps, architecture="gru"))
    blocks = dict(zip(ready.pipeline.accepts, ready.pipeline.transform(rows.drop("y")), strict=True))
    assert blocks["series"].shape == (24, 3, 1)
    assert blocks["numeric"].tolist() == [[float(age)] for age in range(24)]
    assert blocks["categorical"].shape == (24, 1)
    assert blocks["lengths"].tolist()[:3] == [2, 1, 3]
    assert blocks["tokens"].shape == (24, 0)
