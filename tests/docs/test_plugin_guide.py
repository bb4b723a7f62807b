"""plugins/README.md: its files make a distribution that installs, and a recipe that trains."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import recipeline

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "plugins" / "README.md").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The page's blocks as files; each opens with its name."""
    blocks = re.findall(r"```(?:python|toml|yaml)\n# (\S+)\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == len(re.findall(r"^```\w", GUIDE, re.M)), "a block doesn't open with its file's name"
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_pages_distribution_installs_and_its_recipe_trains(project):
    installed = project / "installed"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--no-index", "--no-build-isolation", "--no-compile", "--target", str(installed), str(project)),
        ],
        check=True,
    )
    done = subprocess.run(
        [Path(sys.executable).parent / "recipeline", "run", "recipe.yaml", "--json"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "FINISHED"
    assert (project / "finished.log").read_text() == f"{result['run_id']} house FINISHED\n"


def test_the_pages_contract_test_passes(project, monkeypatch):
    monkeypatch.syspath_prepend(project)
    module: dict[str, Any] = {"__name__": "test_house_plugins"}
    exec(compile((project / "test_house_plugins.py").read_text(), "test_house_plugins.py", "exec"), module)
    (mark,) = module["test_contract"].pytestmark
    assert [plugin.plugin_name for plugin in mark.args[1]] == ["tolerance", "stay_in_range"]
    for plugin in mark.args[1]:
        module["test_contract"](plugin)


def test_the_loss_does_what_its_page_says(project, monkeypatch):
    import torch

    monkeypatch.syspath_prepend(project)
    from house_plugins.tolerance import Tolerance

    loss = Tolerance(width=0.5).build(recipeline.TargetSpec("regression", ("y",)))
    assert loss(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.4], [1.0]])).item() == pytest.approx(0.75)


def test_the_step_does_what_its_page_says(project, monkeypatch):
    import polars as pl

    monkeypatch.syspath_prepend(project)
    from house_plugins.stay_in_range import StayInRange

    step = StayInRange()
    state = step.fit(pl.LazyFrame({"a": [1.0, 5.0], "b": [None, 2.0]}))
    assert json.loads(json.dumps(state)) == {"a": [1.0, 5.0], "b": [2.0, 2.0]}
    moved = step.transform(pl.LazyFrame({"a": [9.0, 0.0, 2.0], "b": [3.0, None, 2.0]}), state).collect()
    assert moved.to_dict(as_series=False) == {"a": [5.0, 1.0, 2.0], "b": [2.0, None, 2.0]}


def test_every_family_and_every_method_is_on_the_page():
    from recipeline.families.plugin import Plugin

    families = [value for name in recipeline.__all__ if isinstance(value := getattr(recipeline, name), type)]
    families = [cls for cls in families if issubclass(cls, Plugin) and cls is not Plugin]
    assert len(families) == 13
    for cls in families:
        row = re.search(rf"^\| `{cls.__name__}` \|.*$", GUIDE, re.M)
        assert row, f"{cls.__name__} has no row in plugins/README.md"
        for method in cls.__abstractmethods__ - {"fit", "transform"}:
            assert f"`{method}(" in row.group(), f"{cls.__name__}.{method} isn't in plugins/README.md"
