"""The recipes for images reach their floors, and their models answer files, bytes and numbers alike, also over HTTP."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image

import recipeline
from recipeline.cli.main import main
from recipeline.serving.fetch import fetch_model
from recipeline_plugins.source.sample import SampleSource

FOLDER = Path(__file__).parents[2] / "recipes" / "images"

# One thread: two that share a busy core with other work wait for each other, and take ten times as long.
BRIEFLY = {
    "digits_cnn": (["training.threads=1"], 0.97),
    "digits_pretrained": (["training.threads=1", "training.epochs=2"], 0.9),
    "faces": (["training.threads=1"], 0.94),
    "mnist": (["training.threads=1", "training.epochs=3", "architecture.blocks=[8,16,16]", "~regularization"], 0.85),
}
"""What each recipe is run with in the usual suite, and the accuracy on the test part that it reaches then."""


def test_every_recipe_is_here():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(BRIEFLY)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def digits(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return recipeline.run(recipeline.load_recipe(FOLDER / "digits_cnn.yaml", BRIEFLY["digits_cnn"][0]))


def test_digits_by_cnn(digits):
    assert digits.metrics["test/accuracy"] >= BRIEFLY["digits_cnn"][1]


def test_a_folder_of_digits_is_answered_file_by_file(digits, place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    rows = SampleSource(dataset="digits_images").scan().collect().head(5)
    for number, pixels in enumerate(rows["image"].to_numpy()):
        (tmp_path / f"{number}.png").write_bytes(png(pixels))
    assert main(["predict", digits.run_id, str(tmp_path), "-o", str(tmp_path / "answers.csv")]) == 0
    found = pl.read_csv(tmp_path / "answers.csv")
    assert found["file"].to_list() == [f"{number}.png" for number in range(5)]
    assert found["prediction"].to_list() == rows["digit"].to_list()


def test_digits_of_another_kind_by_the_same_network_with_a_frozen_block(digits, place, monkeypatch):
    monkeypatch.chdir(place)
    overrides, floor = BRIEFLY["digits_pretrained"]
    result = recipeline.run(recipeline.load_recipe(FOLDER / "digits_pretrained.yaml", overrides))
    assert result.metrics["test/accuracy"] >= floor
    store = f"sqlite:///{place / 'mlflow.db'}"
    then, now = (fetch_model(r.model_uri, store, place / r.run_id).network for r in (digits, result))
    kept = [name for name, value in now.state_dict().items() if torch.equal(value, then.state_dict()[name])]
    assert kept == [name for name in now.state_dict() if name.startswith("image.0.")]
    assert result.metrics["model/parameters"] < digits.metrics["model/parameters"]


@pytest.mark.parametrize("name", ["faces", "mnist"])
def test_others_by_cnn(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    overrides, floor = BRIEFLY[name]
    result = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml", overrides))
    assert result.status == "FINISHED"
    assert result.metrics["test/accuracy"] >= floor


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def numbers(answers: Any) -> np.ndarray:
    frame = pd.DataFrame(answers)
    return frame[[name for name in frame if str(name).startswith("probability")]].to_numpy(dtype=float)


def test_the_model_answers_any_form_with_the_same_numbers(digits, place, served, monkeypatch):
    import mlflow

    monkeypatch.setenv("RECIPELINE_SERVED_FILES", str(place))

    rows = SampleSource(dataset="digits_images").scan().collect().head(6)
    pixels = rows["image"].to_numpy()
    files = [place / f"{row}.png" for row in range(len(pixels))]
    for file, image in zip(files, pixels, strict=True):
        file.write_bytes(png(image))
    forms = {
        "lists": [image.tolist() for image in pixels],
        "arrays": list(pixels),
        "paths": [str(file) for file in files],
        "bytes": [png(image) for image in pixels],
        "base64": [base64.b64encode(png(image)).decode() for image in pixels],
    }
    mlflow.set_tracking_uri(digits.tracking_uri)
    model = mlflow.pyfunc.load_model(digits.model_uri)
    expected = numbers(model.predict(pd.DataFrame({"image": forms["lists"]})))
    assert (expected.argmax(axis=1) == rows["digit"].to_numpy()).all()
    for cells in forms.values():
        found = model.predict(pd.DataFrame({"image": cells}))
        assert np.array_equal(numbers(found), expected)
    _over_http(served(model), {name: forms[name] for name in ("lists", "paths", "base64")}, expected)


def _over_http(ask: Any, forms: dict[str, list[Any]], expected: np.ndarray) -> None:
    for cells in forms.values():
        for body in (
            {"dataframe_records": [{"image": cell} for cell in cells]},
            {"dataframe_split": {"columns": ["image"], "data": [[cell] for cell in cells]}},
            {"inputs": {"image": cells}},
        ):
            status, answers = ask(body)
            assert status == 200, answers
            assert np.array_equal(numbers(answers), expected)
        _, one = ask({"dataframe_records": [{"image": cells[0]}]})
        assert np.allclose(numbers(one), expected[:1], atol=1e-6)
    status, words = ask({"dataframe_records": [{"image": "nowhere.png"}]})
    assert status == 400
    assert "nowhere.png" in words


def test_a_folder_and_a_csv_of_paths_are_learnt_and_served(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    for label, shade in (("dark", 60), ("light", 190)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(30):
            pixels = chance.normal(shade, 30, (12, 10, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    files = sorted(file.relative_to(tmp_path).as_posix() for file in (tmp_path / "photos").rglob("*.png"))
    pl.DataFrame({"photo": files, "label": [Path(file).parts[1] for file in files]}).write_csv("photos.csv")
    sources = {"image_folder": {"type": "image_folder", "path": "photos"}, "csv": {"type": "csv", "path": "photos.csv"}}
    for source in sources.values():
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(
            json.dumps(
                {
                    "name": "photos",
                    "data": {"source": source, "target": "label"},
                    "architecture": {"type": "cnn", "blocks": [4], "head": "average"},
                    "optimizer": {"type": "adam", "lr": 0.03},
                    "training": {"epochs": 8, "batch_size": 8, "threads": 1},
                    "reports": [],
                }
            )
        )
        result = recipeline.run(recipeline.load_recipe(recipe))
        assert result.status == "FINISHED"
        assert result.metrics["test/accuracy"] >= 0.9
