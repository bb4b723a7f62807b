"""`mlflow run mlproject`, as its head shows it: the project's own run is the one that is trained in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow

ROOT = Path(__file__).parents[2]


def test_a_recipe_runs_as_an_mlflow_project(tmp_path):
    shutil.copytree(ROOT / "mlproject", tmp_path / "mlproject")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    programs = Path(sys.executable).parent
    done = subprocess.run(
        [
            *(programs / "mlflow", "run", "mlproject", "--env-manager", "local"),
            *("-P", "recipe=recipes/quickstart.yaml", "-P", "overrides=training.epochs=2 seed=3"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (run,) = client.search_runs(experiments)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.project.entryPoint"] == "main"
    assert run.data.params["recipe"] == "recipes/quickstart.yaml"
    assert run.data.params["training.epochs"] == "2"
    assert run.data.params["seed"] == "3"
    assert "test/accuracy" in run.data.metrics
