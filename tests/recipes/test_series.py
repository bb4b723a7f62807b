"""The recipes for series reach their floors, and their models answer raw windows, alone, together and over HTTP."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import recipeline

FOLDER = Path(__file__).parents[2] / "recipes" / "series"

PACKAGES = {"japanese_vowels": "sktime", "sunspots": "statsmodels", "co2": "statsmodels"}
BRIEFLY = {
    "japanese_vowels": (["training.epochs=10"], {"test/accuracy": 0.95}),
    "sunspots": (["training.epochs=25"], {"test/mase": -0.95}),
    "co2": (["training.epochs=5"], {"test/mase": -0.99}),
}
"""What each recipe is run with in the usual suite, and what it reaches then; a negative number is the most."""


def test_every_recipe_is_here():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(BRIEFLY)


def reached(result: recipeline.RunResult, floors: dict[str, float]) -> None:
    assert result.status == "FINISHED"
    for name, floor in floors.items():
        value = result.metrics[name]
        assert (value if floor >= 0 else -value) >= floor, f"{name} is {value:.4g}"


def trained(name: str, overrides: list[str], place: Path) -> recipeline.RunResult:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"needs the files of {PACKAGES[name]}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml", overrides))


def test_japanese_vowels(tmp_path):
    import mlflow

    result = trained("japanese_vowels", BRIEFLY["japanese_vowels"][0], tmp_path)
    reached(result, BRIEFLY["japanese_vowels"][1])

    mlflow.set_tracking_uri(result.tracking_uri)
    model = mlflow.pyfunc.load_model(result.model_uri)
    rows = recipeline.load_recipe(FOLDER / "japanese_vowels.yaml").data.source.scan().head(30).collect()
    sounds = rows["sound"].to_list()
    many = model.predict(pd.DataFrame({"sound": sounds}))
    one_by_one = [model.predict(pd.DataFrame({"sound": [sound]}))["prediction"].iloc[0] for sound in sounds[:5]]
    assert one_by_one == many["prediction"].tolist()[:5]
    assert (many["prediction"].to_numpy() == rows["speaker"].to_numpy()).mean() > 0.9


def test_sunspots_and_a_window_over_http(tmp_path, served):
    result = trained("sunspots", BRIEFLY["sunspots"][0], tmp_path)
    reached(result, BRIEFLY["sunspots"][1])

    import mlflow

    mlflow.set_tracking_uri(result.tracking_uri)
    model = mlflow.pyfunc.load_model(result.model_uri)
    rows = recipeline.load_recipe(FOLDER / "sunspots.yaml").data.source.scan().tail(40).collect()
    expected = model.predict(pd.DataFrame({"history": rows["history"].to_list()}))["prediction"].to_numpy()
    assert np.corrcoef(expected, rows["t+1"].to_numpy())[0, 1] > 0.8

    asked = served(model)

    def ask(cells: list[Any]) -> tuple[int, Any]:
        return asked({"dataframe_records": [{"history": cell} for cell in cells]})

    status, answers = ask(rows["history"].to_list())
    assert status == 200, answers
    assert [row["prediction"] for row in answers] == pytest.approx(expected.tolist(), rel=1e-6)
    _, alone = ask(rows["history"].to_list()[:1])
    assert alone[0]["prediction"] == pytest.approx(expected[0], rel=1e-5)
    status, words = ask([["many", "spots"]])
    assert status == 400
    assert "history" in words


def test_co2_at_a_level_that_training_never_saw(tmp_path):
    result = trained("co2", BRIEFLY["co2"][0], tmp_path)
    reached(result, BRIEFLY["co2"][1])
    import mlflow

    mlflow.set_tracking_uri(result.tracking_uri)
    file = mlflow.artifacts.download_artifacts(
        run_id=result.run_id,
        artifact_path="data/split.parquet",
        tracking_uri=result.tracking_uri,
        dst_path=str(tmp_path),
    )
    recipe = recipeline.load_recipe(FOLDER / "co2.yaml")
    rows = pl.concat([recipe.data.source.scan().collect(), pl.read_parquet(file)], how="horizontal")
    weeks = {part: rows.filter(pl.col("part") == part)["week"] for part in ("train", "validation", "test")}
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert (weeks[later].min() - weeks[earlier].max()).days >= 7 * 4

    model = mlflow.pyfunc.load_model(result.model_uri)
    last = rows.tail(1)["history"].to_list()[0]
    asked = pd.DataFrame({"history": [last, [value + 100 for value in last]]})
    answers = model.predict(asked).to_numpy(dtype=float)
    assert answers.shape == (2, 4)
    assert answers[1] - answers[0] == pytest.approx([100.0] * 4, rel=0.02)
    assert np.abs(answers[0] - last[-1]).max() < 5
