"""Columns of arrays through the engine: typed, stored, cut into batches, and asked for again in a request."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from recipeline.data import arrays
from recipeline.data import rows as moving
from recipeline.data.batches import Batches
from recipeline.data.pipeline import FittedPipeline
from recipeline.data.prepared import PreparedData
from recipeline.errors import DataError, RecipeError
from recipeline.families.architecture import Architecture
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.spec import InputSpec, State
from recipeline.recipe.model import Recipe

MakeRecipe = Callable[..., Recipe]
Prepare = Callable[[Recipe], PreparedData]
N = 60
CHANCE = np.random.default_rng(0)
IMAGES = CHANCE.integers(0, 256, (N, 5, 4), dtype=np.uint8)
LENGTHS = CHANCE.integers(1, 9, N)
SERIES = [CHANCE.normal(size=int(length)).tolist() for length in LENGTHS]


def table(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {**columns, "y": np.arange(N, dtype=float), "part": (["train"] * 4 + ["validation", "test"]) * (N // 6)}
    )


class TakesImages(Architecture, name="takes_images"):
    """Images."""

    accepts: ClassVar[tuple[str, ...]] = ("image",)

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        raise NotImplementedError


class TakesMixed(Architecture, name="takes_mixed"):
    """Images beside numbers."""

    accepts: ClassVar[tuple[str, ...]] = ("image", "numeric")

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        raise NotImplementedError


class TakesSeries(Architecture, name="takes_series"):
    """Series with their lengths."""

    accepts: ClassVar[tuple[str, ...]] = ("series", "lengths")

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        raise NotImplementedError


class TakesEvenSeries(Architecture, name="takes_even_series"):
    """Series of one length."""

    accepts: ClassVar[tuple[str, ...]] = ("series",)

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        raise NotImplementedError


class TakesTokens(Architecture, name="takes_tokens"):
    """Tokens with their lengths."""

    accepts: ClassVar[tuple[str, ...]] = ("tokens", "lengths")

    def build(self, inputs: InputSpec, outputs: int) -> Any:
        raise NotImplementedError


class Letters(Preprocessing, name="letters"):
    """A token a letter."""

    new_role = "text"

    def fit(self, frame: pl.LazyFrame) -> State:
        return {"columns": frame.collect_schema().names()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        code = pl.element().replace_strict(list("abc"), [1, 2, 3], return_dtype=pl.Int64)
        return frame.with_columns(pl.col(name).str.split("").list.eval(code) for name in state["columns"])

    def cardinalities(self, state: State) -> dict[str, int]:
        return dict.fromkeys(state["columns"], 4)


@pytest.fixture
def ready(make_recipe: MakeRecipe, make_ready: Prepare) -> Callable[..., PreparedData]:
    def make(
        rows: pl.DataFrame, architecture: Architecture, steps: list[Any] | None = None, **data: Any
    ) -> PreparedData:
        split = {"split": {"type": "column", "column": "part"}, **data}
        recipe = make_recipe(rows, data=split)
        return make_ready(recipe.model_copy(update={"architecture": architecture, "preprocessing": steps or []}))

    return make


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (pl.Array(pl.UInt8, (3, 28, 28)), "Array(UInt8, 3, 28, 28)"),
        (pl.Array(pl.Float32, 5), "Array(Float32, 5)"),
        (pl.List(pl.Float64), "List(Float64)"),
        (pl.List(pl.Array(pl.Int64, 12)), "List(Array(Int64, 12))"),
        (pl.List(pl.List(pl.Float64)), "List(List(Float64))"),
    ],
)
def test_a_type_of_arrays_survives_being_written_down(dtype: pl.DataType, text: str) -> None:
    assert arrays.spelled(dtype) == text
    assert arrays.parsed(text) == dtype
    assert arrays.is_spelled(text)


def test_images_are_stored_as_bytes_in_a_channel_of_their_own(ready: Callable[..., PreparedData]) -> None:
    data = ready(table(photo=pl.Series(IMAGES)), TakesImages())
    assert data.inputs.blocks["image"].shape == (1, 5, 4)
    (block,) = data.parts["train"].blocks
    assert isinstance(block, np.memmap)
    assert block.dtype == np.uint8
    assert np.array_equal(block[:, 0], IMAGES[data.parts["train"].rows])


def test_images_of_fractions_stay_fractions_and_may_stand_beside_numbers(ready: Callable[..., PreparedData]) -> None:
    photos = CHANCE.normal(size=(N, 3, 2, 2))
    data = ready(table(photo=pl.Series(photos), size=np.arange(N)), TakesMixed())
    image, numeric = data.parts["test"].blocks
    assert image.dtype == np.float32
    assert np.array_equal(image, photos[data.parts["test"].rows].astype(np.float32))
    assert numeric[:, 0].tolist() == data.parts["test"].rows.tolist()


def test_series_are_filled_up_and_batches_cut_to_their_own_longest(ready: Callable[..., PreparedData]) -> None:
    data = ready(table(s=pl.Series(SERIES)), TakesSeries())
    part = data.parts["train"]
    series, lengths = part.blocks
    assert data.inputs.blocks["series"].shape == (int(LENGTHS.max()), 1)
    assert data.inputs.blocks["lengths"].shape == ()
    assert np.array_equal(lengths, LENGTHS[part.rows])
    for row, number in enumerate(part.rows):
        assert np.array_equal(series[row, : lengths[row], 0], np.float32(SERIES[number]))
        assert not series[row, lengths[row] :].any()
    seen = []
    for (cut, own), target in Batches(part, 4, shuffle=True, seed=1):
        assert cut.shape == (len(target), int(own.max()), 1)
        seen += own.tolist()
    assert sorted(seen) == sorted(lengths.tolist())


def test_several_series_become_channels(ready: Callable[..., PreparedData]) -> None:
    pairs = pl.Series([[[x, -x] for x in row] for row in SERIES], dtype=pl.List(pl.Array(pl.Float64, 2)))
    data = ready(table(a=pl.Series(SERIES), b=pairs), TakesSeries(), columns={"b": "series"})
    series, _ = data.parts["test"].blocks
    assert data.inputs.blocks["series"].names == ("a", "b")
    assert np.array_equal(series[..., 0], series[..., 1])
    assert np.array_equal(series[..., 0], -series[..., 2])
    uneven = pl.Series([row + [0.0] * (place == 7) for place, row in enumerate(SERIES)])
    with pytest.raises(DataError, match=r"row 8, column 'b': the series of a row are equally long: this one has"):
        ready(table(a=pl.Series(SERIES), b=uneven), TakesSeries())


def test_an_architecture_without_lengths_wants_them_equal(ready: Callable[..., PreparedData]) -> None:
    even = CHANCE.normal(size=(N, 6))
    assert ready(table(s=pl.Series(even)), TakesEvenSeries()).parts["train"].blocks[0].shape == (40, 6, 1)
    with pytest.raises(DataError, match=r"rows of one length only.*Bring them to one length"):
        ready(table(s=pl.Series(SERIES)), TakesEvenSeries())


def test_several_columns_of_images_are_the_channels_of_one(ready: Callable[..., PreparedData]) -> None:
    left, right = pl.Series(IMAGES), pl.Series(IMAGES[::-1].copy())
    data = ready(table(left=left, right=right), TakesImages())
    block = data.parts["train"].blocks[0]
    channels = data.inputs.blocks["image"].shape[0] // 2
    rows = data.parts["train"].rows
    assert block.dtype == np.uint8
    assert np.array_equal(block[:, :channels], block_of(left)[rows])
    assert np.array_equal(block[:, channels:], block_of(right)[rows])
    fractions = ready(table(left=left, right=pl.Series(IMAGES[::-1] / 255)), TakesImages()).parts["train"].blocks[0]
    assert fractions.dtype == np.float32
    assert np.allclose(fractions, block / 255)
    small = pl.Series(IMAGES[:, :2].copy())
    with pytest.raises(DataError, match=r"left, right'.*not of one size: several columns.*columns: image, size"):
        ready(table(left=left, right=small), TakesImages())


def block_of(column: pl.Series) -> np.ndarray:
    return arrays.images([column])


def test_tokens_have_a_vocabulary(ready: Callable[..., PreparedData]) -> None:
    words = ["".join("abc"[number % 3] for number in range(int(length))) for length in LENGTHS]
    data = ready(table(s=words), TakesTokens(), [Letters(columns="s")], columns={"s": "text"})
    tokens, lengths = data.parts["train"].blocks
    assert tokens.dtype == lengths.dtype == np.int64
    assert data.inputs.blocks["tokens"].cardinalities == (4,)
    assert [row[:length].tolist() for row, length in zip(tokens, lengths, strict=True)] == [
        ["abc".index(letter) + 1 for letter in words[number]] for number in data.parts["train"].rows
    ]
    whole = pl.Series([[1, 2]] * N)
    with pytest.raises(DataError, match=r"'s': these tokens come without a vocabulary"):
        ready(table(s=whole), TakesTokens(), columns={"s": "text"})


def test_what_the_architecture_cannot_take_is_refused_with_the_column(ready: Callable[..., PreparedData]) -> None:
    with pytest.raises(RecipeError, match=r"takes image, and the column 's' is a series.*\{s: ignore\}"):
        ready(table(s=pl.Series(SERIES), photo=pl.Series(IMAGES)), TakesImages())
    with pytest.raises(RecipeError, match=r"takes series of unequal lengths, and no column is left.*size: numeric"):
        ready(table(size=np.arange(N)), TakesSeries())
    with pytest.raises(DataError, match=r"'photo': an? image column is left.*load_image"):
        ready(table(photo=pl.Series([b"x"] * N)), TakesImages())


def test_a_hole_in_an_array_is_named_by_row(ready: Callable[..., PreparedData]) -> None:
    holed = [*SERIES[:9], [1.0, None], *SERIES[10:]]
    with pytest.raises(DataError, match=r"row 10, column 's': a value in this array is missing or not finite"):
        ready(table(s=pl.Series(holed)), TakesSeries())
    with pytest.raises(DataError, match=r"row 10, column 's': a value is missing.*drop_missing, columns: s"):
        ready(table(s=pl.Series([*SERIES[:9], None, *SERIES[10:]])), TakesSeries())


def test_many_small_batches_give_what_one_gives(
    ready: Callable[..., PreparedData], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table(s=pl.Series(SERIES))
    whole = ready(rows, TakesSeries()).parts["train"].blocks[0].copy()
    monkeypatch.setattr(moving, "ARRAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(moving, "BATCH_BYTES", 500)
    parts = ready(rows.with_columns(z=pl.lit(None, dtype=pl.String)), TakesSeries()).parts
    assert np.array_equal(parts["train"].blocks[0], whole)


def test_a_request_brings_the_same_numbers_in_any_form(ready: Callable[..., PreparedData]) -> None:
    from recipeline.catalog import installed
    from recipeline.serving.frames import request_rows

    rows = table(s=pl.Series(SERIES))
    data = ready(rows, TakesSeries())
    pipeline = FittedPipeline.from_json(json.loads(json.dumps(data.pipeline.to_json())), installed())
    first = rows.head(3)
    expected = pipeline.transform(first)
    import pandas as pd

    for given in (
        pd.DataFrame({"s": first["s"].to_list()}),
        pd.DataFrame({"s": [np.array(cell) for cell in first["s"].to_list()]}),
        pd.DataFrame({"s": [json.dumps(cell) for cell in first["s"].to_list()]}),
    ):
        found = pipeline.transform(request_rows(given, pipeline))
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    alone = pipeline.transform(request_rows(pd.DataFrame({"s": [[1, 2.5]]}), pipeline))
    assert alone[0][0, :, 0].tolist() == [1.0, 2.5]
    with pytest.raises(DataError, match=r"row 2, column 's': expected a list of numbers"):
        pipeline.transform(pl.DataFrame({"s": pl.Series([[1.0], "x"], dtype=pl.Object)}))


def test_images_in_a_request_have_the_shape_of_the_training(ready: Callable[..., PreparedData]) -> None:
    data = ready(table(photo=pl.Series(IMAGES)), TakesImages())
    nested = pl.DataFrame({"photo": [IMAGES[0].tolist()]})
    assert np.array_equal(data.pipeline.transform(nested)[0][0, 0], IMAGES[0])
    with pytest.raises(DataError, match=r"column 'photo': this is no image of the size that the model takes"):
        data.pipeline.transform(pl.DataFrame({"photo": [[[1, 2], [3, 4]]]}))
