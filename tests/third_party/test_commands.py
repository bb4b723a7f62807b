"""Strangers' plugins from the command line: listed, offered to editors, trained with, and named when they clash."""

from __future__ import annotations

import json

import pytest

RECIPE = """\
name: acme
seed: 1
data:
  source: {type: sample, dataset: diabetes}
  target: progression
preprocessing:
  - {type: ratio, columns: [bp, bmi]}
  - {type: impute, columns: numeric, strategy: median}
  - {type: standardize, columns: numeric}
  - normalize_target
architecture: {type: maxout, units: 8}
loss: {type: lopsided, under: 3.0}
optimizer: {type: adam, lr: 0.01}
training: {epochs: 3, batch_size: 64}
"""


def test_a_recipe_trains_with_a_strangers_loss_step_network_and_hooks(recipeline, tmp_path, monkeypatch):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    diary = tmp_path / "diary.txt"
    done = recipeline("run", "recipe.yaml", "--json", path=("acme_plugins", "broken_plugin"), ACME_DIARY=str(diary))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "FINISHED"
    assert result["model_uri"]

    stages = ["read", "split", "preprocess", "build", "fit", "evaluate", "report", "package"]
    assert diary.read_text().splitlines() == [
        f"run {result['run_id']} started: acme",
        *[f"{stage} {what}" for stage in stages for what in ("started", "finished")],
        f"run {result['run_id']} ended: FINISHED",
    ]

    from mlflow import MlflowClient

    run = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(result["run_id"])
    assert run.data.params["architecture"] == "maxout"
    assert run.data.params["architecture.units"] == "8"
    assert run.data.params["loss"] == "lopsided"
    assert run.data.params["preprocessing.ratio.columns"] == "bp, bmi"
    assert "acme-plugins==1.2.3" in run.data.tags["recipeline.plugins"]
    assert "broken" not in run.data.tags["recipeline.plugins"]


def test_listed_with_owner_and_settings(recipeline):
    done = recipeline("plugins", "--json", path=("acme_plugins", "broken_plugin"))
    assert done.returncode == 0, done.stderr
    mine = {item["name"]: item for item in json.loads(done.stdout) if item["distribution"] == "acme-plugins"}
    assert {name: item["family"] for name, item in mine.items()} == {
        "lopsided": "loss",
        "ratio": "preprocessing",
        "maxout": "architecture",
    }
    assert mine["maxout"]["version"] == "1.2.3"
    assert mine["maxout"]["summary"].startswith("A hidden layer of units that each take the largest")
    assert mine["maxout"]["settings"]["properties"]["pieces"]["minimum"] == 2
    assert "broken-plugin" in done.stderr


def test_a_stranger_makes_the_same_pages(recipeline, tmp_path):
    done = recipeline("plugins", "--from", "acme-plugins", "--docs", "pages", path=("acme_plugins",))
    assert done.returncode == 0, done.stderr
    made = {str(file.relative_to(tmp_path / "pages")) for file in (tmp_path / "pages").rglob("*.md")}
    assert {"README.md", "loss/README.md", "loss/lopsided.md", "preprocessing/ratio.md"} <= made
    page = (tmp_path / "pages" / "loss" / "lopsided.md").read_text()
    assert "Newey and Powell 1987" in page
    assert "| `under` | number, > 0 | `2.0` | How much worse too little is than too much" in page
    assert "```yaml\nloss: lopsided\n```" in page
    assert not any("mse" in path for path in made)


def test_offered_to_editors(recipeline):
    done = recipeline("schema", path=("acme_plugins",))
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ('"lopsided"', '"ratio"', '"maxout"'))
    assert "How much worse too little is than too much" in done.stdout


def test_validated_with_the_strangers_own_limits(recipeline, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("units: 8", "pieces: 1").replace("under", "udner"))
    done = recipeline("validate", "recipe.yaml", path=("acme_plugins",))
    assert done.returncode == 2
    assert "recipe.yaml:11:38  architecture.pieces:" in done.stderr
    assert "'lopsided' has no setting 'udner'" in done.stderr
    assert "Did you mean 'under'?" in done.stderr


@pytest.mark.parametrize("name", ["mse", "lopsided"])
def test_a_clash_stops_the_recipe_that_uses_the_name(recipeline, tmp_path, name):
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("{type: lopsided, under: 3.0}", name))
    both = ("acme_plugins", "rival_plugins")
    done = recipeline("validate", "recipe.yaml", path=both)
    assert done.returncode == 2
    assert f"two plugins are named '{name}'" in done.stderr
    assert f"'rival-plugins/{name}'" in done.stderr
    assert recipeline("validate", "recipe.yaml", f"loss=rival-plugins/{name}", path=both).returncode == 0


def test_the_broken_one_is_named_by_the_doctor(recipeline):
    done = recipeline("doctor", path=("broken_plugin",))
    assert "broken-plugin 0.0.1" in done.stdout + done.stderr
    assert "the flux capacitor is missing" in done.stdout + done.stderr
