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
    assert "house trained\n" in done.stderr


def test_the_pages_contract_test_passes(project, monkeypatch):
    monkeypatch.syspath_prepend(project)
    module: dict[str, Any] = {"__name__": "test_house_plugins"}
    exec(compile((project / "test_house_plugins.py").read_text(), "test_house_plugins.py", "exec"), module)
    (mark,) = module["test_contract"].pytestmark
    assert [plugin.plugin_name for plugin in mark.args[1]] == [
        *("tolerance", "stay_in_range", "laplace", "rising", "sliding"),
    ]
    for plugin in mark.args[1]:
        module["test_contract"](plugin)
    module["test_contract_with_settings"]()


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
    assert len(families) >= 12
    for cls in families:
        row = re.search(rf"^\| `{cls.__name__}` \|.*$", GUIDE, re.M)
        assert row, f"{cls.__name__} has no row in plugins/README.md"
        for method in cls.__abstractmethods__ - {"fit", "transform"}:
            assert f"`{method}(" in row.group(), f"{cls.__name__}.{method} isn't in plugins/README.md"


def test_the_loss_with_two_outputs_learns_the_scale(project, monkeypatch):
    import torch

    monkeypatch.syspath_prepend(project)
    from house_plugins.doubt import Capped, Laplace

    target = recipeline.TargetSpec("regression", ("y",))
    outputs, truth = torch.tensor([[1.0, 0.5], [2.0, -0.5]]), torch.tensor([[2.0], [2.0]])
    expected = torch.tensor([0.5, -0.5]).mean() + torch.tensor(-0.5).exp() / 2
    assert Laplace().build(target)(outputs, truth).item() == pytest.approx(expected.item())
    capped = Capped(of=Laplace(), most=0.1)
    assert capped.build(target)(outputs, truth).item() == pytest.approx(0.1)
    assert capped.outputs(target) == 2
    assert capped.link(outputs, target).tolist() == [[1.0], [2.0]]


def test_the_penalty_that_is_taken_over_is_the_one_that_is_added(project, monkeypatch):
    """The proximal step is the least of penalty + distance², found here by trying."""
    import torch

    monkeypatch.syspath_prepend(project)
    from house_plugins.rising import Rising, Sliding

    rising, layer = Rising(weight=0.5), torch.nn.Linear(3, 1)
    (given,) = rising.proximal(layer)
    places = torch.linspace(-3, 3, 6001)
    for value in (-2.0, -0.3, 0.0, 1.5):
        cost = 0.5 * places.clamp(max=0).neg() + (places - value).square() / (2 * 0.8)
        assert given.shrink(torch.tensor(value), 0.8).item() == pytest.approx(places[cost.argmin()].item(), abs=1e-3)
    torch.nn.init.constant_(layer.weight, -0.01)
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), layer)
    optimizer = Sliding(lr=0.1).build_for(network, list(network.parameters()))
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.05]
    assert Sliding().take_over(optimizer, rising.proximal(layer))
    network(torch.zeros(1, 2)).sum().backward()
    layer.weight.grad.zero_()
    optimizer.step()
    assert layer.weight.tolist() == [[0.0, 0.0, 0.0]]  # pulled to zero, and not beyond


def test_every_hook_and_seam_is_on_the_page():
    from recipeline import hooks

    for name in (name for name in dir(hooks) if name.startswith("recipeline_")):
        assert name in GUIDE, f"the hook {name} isn't in plugins/README.md"
    from recipeline.families.plugin import Plugin

    families = [value for name in recipeline.__all__ if isinstance(value := getattr(recipeline, name), type)]
    for cls in (cls for cls in families if issubclass(cls, Plugin) and cls is not Plugin):
        said = {name for name in vars(cls) if not name.startswith("_") and name not in {*cls.model_fields, "family"}}
        missing = [name for name in sorted(said) if f"`{name}" not in GUIDE and not name.startswith("model_")]
        assert not missing, f"{cls.__name__}: {missing} aren't in plugins/README.md"
