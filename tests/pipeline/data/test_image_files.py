"""Columns of paths: which are images, where relative paths start, and when changed files are new data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recipeline.data.read import Table, read
from recipeline.data.split import split
from recipeline.errors import DataError
from recipeline.recipe.model import Recipe

MakeRecipe = Callable[..., Recipe]
N = 12


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    (tmp_path / "photos").mkdir()
    names = [f"photos/{number}.{'JPG' if number % 2 else 'png'}" for number in range(N)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((4, 4), number * 20, dtype=np.uint8)).save(tmp_path / name)
    return names


@pytest.fixture
def table(make_recipe: MakeRecipe, tmp_path: Path) -> Callable[..., Table]:
    def make(names: list[str | None], text: bool = True, **columns: str) -> Table:
        rows = pl.DataFrame({"photo": names, "y": [float(number) for number in range(len(names))]})
        recipe = make_recipe(rows.write_csv() if text else rows, data={"columns": columns})
        return read(recipe, tmp_path / "cache")

    return make


def test_paths_of_images_are_found_beside_the_data_and_made_absolute(
    photos: list[str], table: Callable[..., Table], tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    found = table([*photos[:-1], None])
    assert found.roles["photo"] == "image"
    assert found.scan().collect()["photo"].to_list() == [*[str(tmp_path / name) for name in photos[:-1]], None]
    assert split(found, make_recipe("photo,y\n")).roles["photo"] == "image"


def test_names_that_only_look_like_images_are_no_images(table: Callable[..., Table], photos: list[str]) -> None:
    assert table([f"{number}.png" for number in range(40)]).roles["photo"] == "ignore"
    assert table([*photos[:-1], "elsewhere.txt"]).roles["photo"] != "image"
    assert table(photos, photo="categorical").scan().collect()["photo"].to_list() == photos


def test_other_contents_are_other_data(table: Callable[..., Table], photos: list[str], tmp_path: Path) -> None:
    before = table(photos).fingerprint
    again = table(photos)
    assert again.cache_hit
    assert again.fingerprint == before
    Image.new("L", (4, 4), 255).save(tmp_path / photos[3])
    assert table(photos).fingerprint != before


def test_a_file_that_is_not_there_is_named_by_row(table: Callable[..., Table], photos: list[str]) -> None:
    with pytest.raises(DataError, match=r"row 2, column 'photo': the image file can't be opened.*nowhere.png"):
        table([photos[0], "photos/nowhere.png", *photos[2:]])
