"""Columns become the blocks that an architecture takes; what it can't take is said with what to do."""

import polars as pl
import pytest

from recipeline.data.frame import Layout
from recipeline.data.inputs import Inputs
from recipeline.errors import DataError, RecipeError
from recipeline.families.spec import Role
from recipeline_plugins.architecture.cnn import CNN
from recipeline_plugins.architecture.ft_transformer import FTTransformer
from recipeline_plugins.architecture.linear import Linear
from recipeline_plugins.architecture.lstm import LSTM

ROLES: dict[str, Role] = {"age": "numeric", "smokes": "boolean", "town": "categorical"}
TYPES: dict[str, pl.DataType] = {"age": pl.Float64(), "smokes": pl.Boolean(), "town": pl.Int64()}
CODED = Layout(ROLES | {"town": "numeric"}, TYPES, {"town": 4})


def test_codes_are_numbers_or_a_block_of_their_own() -> None:
    together = Inputs(CODED, Linear(), "t.csv").blocks().blocks
    assert together["numeric"].names == ("age", "smokes", "town")
    apart = Inputs(CODED, FTTransformer(), "t.csv").blocks().blocks
    assert apart["numeric"].names == ("age", "smokes")
    assert (apart["categorical"].names, apart["categorical"].cardinalities) == (("town",), (4,))


def test_words_that_are_left_name_the_steps_that_help() -> None:
    words = Layout(ROLES, TYPES | {"town": pl.String()})
    with pytest.raises(DataError, match=r"'town'.*categorical column is left.*\{type: one_hot, columns: town\}"):
        Inputs(words, Linear(), "t.csv").blocks()


def test_nothing_left_is_said() -> None:
    with pytest.raises(DataError, match="no feature is left"):
        Inputs(Layout({}, {}), Linear(), "t.csv").blocks()


def test_images_are_of_one_size_and_go_to_who_looks_at_them() -> None:
    photo: dict[str, pl.DataType] = {"photo": pl.Array(pl.UInt8, (3, 8, 8))}
    found = Inputs(Layout({"photo": "image"}, photo), CNN(), "t.csv").blocks().blocks
    assert found["image"].shape == (3, 8, 8)
    with pytest.raises(RecipeError, match="'linear' takes numeric, and the column 'photo' is an image"):
        Inputs(Layout({"photo": "image"}, photo), Linear(), "t.csv").blocks()
    uneven: dict[str, pl.DataType] = {"photo": pl.List(pl.List(pl.UInt8))}
    with pytest.raises(DataError, match=r"not of one size.*load_image"):
        Inputs(Layout({"photo": "image"}, uneven), CNN(), "t.csv").blocks()


def test_what_reads_lengths_needs_a_column_that_has_some() -> None:
    with pytest.raises(RecipeError, match="no column is left that has them"):
        Inputs(Layout({"age": "numeric"}, {"age": pl.Float64()}), LSTM(), "t.csv").blocks()
