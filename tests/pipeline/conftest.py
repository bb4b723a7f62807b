"""What the engine's tests start from: a good recipe that sets everything, and catalogs made by hand."""

from pathlib import Path

import pluggy
import pytest

from recipeline import hooks
from recipeline.catalog import Catalog, Entry
from recipeline.errors import RecipeError
from recipeline.recipe.load import parse

GOOD = """\
# yaml-language-server: $schema=./recipe.schema.json
recipe: 1
name: census
description: Two hidden layers.
seed: 7
data:
  source:
    type: csv
    path: census.csv
    separator: ","
  target: income
  task: binary
  columns:
    zip: categorical
    id: ignore
  split:
    type: random
    train: 0.7
    validation: 0.15
    test: 0.15
    stratify: true
preprocessing:
  - drop_duplicates
  - type: impute
    columns: numeric
    strategy: median
  - {type: standardize, columns: numeric}
  - type: one_hot
    columns: [categorical, boolean]
architecture:
  type: mlp
  hidden: [256, 128]
  activation: relu
  normalization: batch
  dropout: 0.5
loss: cross_entropy
optimizer:
  type: adam
  lr: 0.001
scheduler:
  type: exponential
  gamma: 0.95
regularization:
  - type: l2
    weight: 1e-4
  - type: early_stopping
    monitor: val/loss
    patience: 5
metrics: [accuracy, f1]
training:
  epochs: 20
  batch_size: 32
  accelerator: cpu
  devices: 1
  strategy: auto
  precision: 32-true
  accumulate: 1
  threads: auto
  deterministic: true
  monitor: val/loss
  mode: min
tracking:
  experiment: census
  uri: sqlite:///mlflow.db
  register_as: census
  tags: {team: red}
  system_metrics: false
reports: [curves, confusion_matrix]
"""


@pytest.fixture
def good():
    """A recipe that is right and sets every section."""
    return GOOD


@pytest.fixture
def good_file(tmp_path) -> Path:
    """The good recipe as a file."""
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def problems_of():
    """What is wrong with a text: its problems, none when it is right."""

    def check(text, *overrides, **options):
        try:
            parse(text, "r.yaml", overrides, **options)
        except RecipeError as error:
            return error.problems
        return []

    return check


@pytest.fixture
def catalog_of():
    """A catalog of the classes given; a tuple of name, version and class says whose a class is."""

    def make(*plugins):
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        catalog = Catalog(manager)
        for plugin in plugins:
            distribution, version, cls = plugin if isinstance(plugin, tuple) else ("toys", "1.0", plugin)
            entry = Entry(cls.family, cls.plugin_name, distribution, version, cls)
            catalog.entries.setdefault((cls.family, cls.plugin_name), []).append(entry)
        return catalog

    return make
