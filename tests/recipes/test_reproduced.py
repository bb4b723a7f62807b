"""Shipped recipes reproduce to the last digit, and what was changed in between is said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import recipeline
from recipeline.reproducing import reproduce

FOLDER = Path(__file__).parents[2] / "recipes"

pytestmark = pytest.mark.slow
RECIPES = ("quickstart", "diabetes", "breast_cancer", "by_group", "series/sunspots", "images/digits_cnn")


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_reproduces_identically(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml"))
    done = reproduce(first.run_id)
    assert done is not None
    assert [metric.name for metric in done.metrics if not metric.identical] == []
    assert (done.outcome, done.differences) == ("identical", [])
    assert done.same_weights is True
    assert any(metric.name == "test/loss" for metric in done.metrics)
    assert max(metric.values for metric in done.metrics) > 1
    if name == "quickstart" and (os.cpu_count() or 1) > 1:
        done = reproduce(first.run_id, ["training.threads=2"])
        assert done is not None
        assert "torch's CPU threads were 1 and are 2" in [difference.text for difference in done.differences]
    if name == "by_group":
        _a_changed_row_is_said(name, first.run_id)


def _a_changed_row_is_said(name: str, run_id: str) -> None:
    """The data are copied beside the working folder's own, and one cell of them is another number."""
    recipe = recipeline.load_recipe(FOLDER / f"{name}.yaml")
    (file,) = recipe.data.source.files(recipe.data.source.as_recipe()["path"])
    shutil.copy(file, "rows.csv")
    lines = Path("rows.csv").read_text().splitlines()
    lines[11] = lines[12]  # behind the heading: the 11th row becomes a copy of the 12th
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    done = reproduce(run_id, [f"data.source.path={Path('rows.csv').absolute()}"])
    assert done is not None
    (said,) = [difference.text for difference in done.differences]
    assert "rows.csv have been changed: 1 row has changed of" in said
    assert "row 11" in said
