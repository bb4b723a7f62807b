"""Recipes over small tables, without a file of YAML."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline.data.prepare import prepare
from recipeline.data.prepared import PreparedData
from recipeline.data.read import read
from recipeline.data.split import split
from recipeline.recipe.model import Recipe

MakeRecipe = Callable[..., Recipe]
Prepare = Callable[[Recipe], PreparedData]


@pytest.fixture
def make_recipe(tmp_path: Path) -> MakeRecipe:
    """A recipe over a frame (written as Parquet) or a text (written as CSV); further arguments are its sections."""

    def make(rows: pl.DataFrame | str, target: str | list[str] = "y", **sections: Any) -> Recipe:
        data: dict[str, Any] = {"target": target, **sections.pop("data", {})}
        if isinstance(rows, str):
            (tmp_path / "rows.csv").write_text(rows)
            data["source"] = {"type": "csv", "path": "rows.csv"}
        else:
            rows.write_parquet(tmp_path / "rows.parquet")
            data["source"] = {"type": "parquet", "path": "rows.parquet"}
        data.setdefault("split", {"type": "random"})
        written = {"name": "test", "data": data, "architecture": "linear", "preprocessing": [], **sections}
        return Recipe.model_validate(written, context={"folder": tmp_path})

    return make


@pytest.fixture
def make_ready(tmp_path: Path) -> Prepare:
    """A recipe's arrays, through the three data stages."""

    def make(recipe: Recipe) -> PreparedData:
        table = read(recipe, tmp_path / "cache")
        return prepare(split(table, recipe), recipe, tmp_path / "cache")

    return make
