"""docs/choose.md: every fragment is a part of a valid recipe, and what it advises is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recipeline.catalog import installed
from recipeline.recipe.model import Recipe
from recipeline.testing.lines import whole

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "choose.md").read_text()
FRAGMENTS = [
    (PAGE[: found.start()].rpartition("\n### ")[2].partition("\n")[0], found[1])
    for found in re.finditer(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
]
RUN = ["Unequal classes", "It overfits", "Few rows"]
"""Sections whose fragments for any table are trained on a small one."""


@pytest.mark.parametrize(("section", "lines"), FRAGMENTS, ids=[f"{s}-{n}" for n, (s, _) in enumerate(FRAGMENTS)])
def test_a_fragment_is_a_part_of_a_recipe(section, lines):
    assert isinstance(whole(lines), Recipe)


def test_every_plugin_that_is_named_exists():
    names = {entry.name for entry in installed()}
    settings = {name for entry in installed() for name in entry.load().model_fields}
    keys = set(re.findall(r"\b(\w+):", "".join(lines for _, lines in FRAGMENTS)))
    said = set(re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)*)`", re.sub(r"```.*?```", "", PAGE, flags=re.S)))
    unknown = said - names - settings - keys - {"grad_norm", "lr", "data"}
    assert not unknown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "lines"),
    [
        pytest.param(section, lines, id=f"{section}-{number}")
        for number, (section, lines) in enumerate(FRAGMENTS)
        if section in RUN and "data:" not in lines
    ],
)
def test_a_fragment_trains(section, lines, tmp_path, monkeypatch):
    from recipeline import run
    from recipeline.recipe.load import load_recipe

    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(whole(lines).text)
    recipe = load_recipe(tmp_path / "recipe.yaml", ["training.epochs=2", "reports=[]"])
    assert run(recipe).status == "FINISHED"


@pytest.mark.slow
def test_learning_rates_are_compared_as_the_page_says(tmp_path):
    (script,) = re.findall(r"^```console\n(\$ for lr.*?)^```", PAGE, re.M | re.S)
    commands = re.sub(r"^[$>] ", "", script, flags=re.M)
    (tmp_path / "recipe.yaml").write_text(
        "name: penguins\ndata: {source: {type: sample, dataset: penguins}, target: species}\narchitecture: linear\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^optimizer\.lr +0\.001 +0\.01 +0\.1$", done.stdout, re.M)
