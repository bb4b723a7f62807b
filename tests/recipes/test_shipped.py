"""Every shipped recipe: its head tells what it is, it is valid, and it trains to its floor."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import recipeline

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_the_head_says_what_it_trains_how_long_and_the_command(path):
    lines = path.read_text().splitlines()
    head = [line for line in lines[: lines.index("")] if line.startswith("#")]
    assert head[0] == "# yaml-language-server: $schema=./recipe.schema.json"
    assert head[-1] == f"#   recipeline run recipes/{path.name}"
    assert re.search(r"seconds|minutes?", " ".join(head[1:-1]))


def test_it_is_valid_and_reads_back_the_same(path):
    recipe = recipeline.load_recipe(path)
    again = type(recipe).model_validate(recipe.as_recipe(), context={"folder": path.parent})
    assert again == recipe


def test_it_trains_to_what_its_head_promises(path, tmp_path, monkeypatch, reaches):
    monkeypatch.chdir(tmp_path)
    result = recipeline.run(recipeline.load_recipe(path))
    assert result.status == "FINISHED"
    assert result.model_uri
    reaches(path.stem, result.metrics)

    import mlflow

    client = mlflow.MlflowClient(result.tracking_uri)
    shown = {artifact.path for artifact in client.list_artifacts(result.run_id, "reports")}
    assert "reports/curves_loss.png" in shown
    _split_is_what_the_recipe_shows(path, result, tmp_path)


def _split_is_what_the_recipe_shows(path: Path, result: recipeline.RunResult, folder: Path) -> None:
    """A group lies within one part; no train row is later than a test row."""
    if path.stem not in ("by_group", "by_time"):
        return
    import mlflow

    file = mlflow.artifacts.download_artifacts(
        run_id=result.run_id, artifact_path="data/split.parquet", tracking_uri=result.tracking_uri, dst_path=str(folder)
    )
    table = pl.read_csv(FOLDER / "data" / "penguins_field_notes.csv", try_parse_dates=True)
    rows = pl.concat([table, pl.read_parquet(file)], how="horizontal")
    assert rows["part"].value_counts().height == 3
    if path.stem == "by_group":
        assert rows.group_by("individual").agg(pl.col("part").n_unique())["part"].max() == 1
        assert rows["individual"].is_duplicated().any()
    else:
        train, test = (rows.filter(pl.col("part") == part)["egg_laid"] for part in ("train", "test"))
        assert train.max() <= test.min()


def test_the_shipped_table_is_what_the_package_holds(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (FOLDER / "data" / "README.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "recipes/data/README.md", "exec", dont_inherit=True), {})
    name = "penguins_field_notes.csv"
    assert_frame_equal(pl.read_csv(tmp_path / name), pl.read_csv(FOLDER / "data" / name))
