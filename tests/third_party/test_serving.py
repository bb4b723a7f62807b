"""A model made with a stranger's plugins: served where they are installed, and refused in words where they aren't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pytest

RECIPE = """\
name: acme
seed: 1
data:
  source: {type: sample, dataset: diabetes}
  target: progression
preprocessing:
  - {type: ratio, columns: [bp, bmi]}
  - {type: standardize, columns: numeric}
  - normalize_target
architecture: {type: maxout, units: 8}
loss: {type: lopsided, under: 3.0}
reports: []
training: {epochs: 2, batch_size: 64}
"""

FRESH = """
import json, sys
import mlflow, pandas
rows = pandas.read_csv("rows.csv")
print(json.dumps(mlflow.pyfunc.load_model(sys.argv[1]).predict(rows)["prediction"].tolist()))
"""


@pytest.fixture(scope="module")
def trained(shelf, tmp_path_factory):
    """A finished run of a recipe with the stranger's step, network and loss."""
    from sklearn.datasets import load_diabetes

    folder = tmp_path_factory.mktemp("acme")
    (folder / "recipe.yaml").write_text(RECIPE)
    load_diabetes(as_frame=True, scaled=False).data.head(20).to_csv(folder / "rows.csv", index=False)

    def call(*command, path=()):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        return subprocess.run(
            command,
            cwd=folder,
            env=kept | {"PYTHONPATH": os.pathsep.join(str(shelf / name) for name in path)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    done = call(sys.executable, "-m", "recipeline", "run", "recipe.yaml", "--json", path=["acme_plugins"])
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(folder=folder, call=call, **json.loads(done.stdout))


def test_a_fresh_interpreter_that_has_the_distribution_answers_as_predict_does(trained):
    predict = ["-m", "recipeline", "predict", trained.run_id, "rows.csv", "-o", "answers.csv"]
    done = trained.call(sys.executable, *predict, path=["acme_plugins"])
    assert done.returncode == 0, done.stderr
    expected = pl.read_csv(trained.folder / "answers.csv")["prediction"].to_list()
    served = trained.call(sys.executable, "-W", "ignore", "-c", FRESH, trained.model_uri, path=["acme_plugins"])
    assert served.returncode == 0, served.stderr
    assert json.loads(served.stdout.splitlines()[-1]) == expected
    assert len(set(expected)) > 10


def test_the_models_requirements_name_the_distribution(trained):
    (description,) = trained.folder.glob("mlruns/**/MLmodel")
    required = (description.parent / "requirements.txt").read_text().splitlines()
    assert "acme-plugins==1.2.3" in required


def test_without_the_distribution_it_is_named_and_there_is_no_traceback(trained):
    done = trained.call(sys.executable, "-m", "recipeline", "predict", trained.run_id, "rows.csv")
    assert done.returncode == 2
    assert "no architecture is named 'maxout'" in done.stderr
    assert "the model was made with acme-plugins==1.2.3, recipeline==" in done.stderr
    assert "pip install acme-plugins==1.2.3" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_mlflow_too_says_what_to_install(trained):
    served = trained.call(sys.executable, "-W", "ignore", "-c", FRESH, trained.model_uri)
    assert served.returncode == 1
    assert "pip install acme-plugins==1.2.3" in served.stderr.splitlines()[-1]
