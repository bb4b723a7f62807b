"""Every installed plugin keeps the promises that strangers' plugins are held to."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recipeline.catalog import Entry, installed
from recipeline.testing import check_plugin

# What has no default, as a recipe would write it.
NEEDED: dict[str, dict[str, Any]] = {
    "preprocessing.cast": {"columns": "children", "to": "text"},
    "preprocessing.drop_columns": {"columns": "city"},
    "preprocessing.replace": {"columns": "city", "values": {"Oslo": "Roma"}},
    "scheduler.chain": {"schedules": ["linear", {"type": "step", "every": 2}, "cosine"], "at": [5.5, 12]},
    "scheduler.multi_step": {"at": [3, 7]},
    "source.csv": {"path": "rows.csv"},
    "source.parquet": {"path": "rows.parquet"},
    "source.sample": {"dataset": "iris"},
    "split.column": {"column": "part"},
    "split.group": {"column": "house"},
    "split.time": {"column": "day"},
    "split.files": {"train": "train", "validation": "validation", "test": "test"},
}

# Settings that take another way through a plugin than its defaults do.
OTHERWISE: list[tuple[str, dict[str, Any]]] = [
    ("architecture.mlp", {"hidden": []}),
    ("architecture.mlp", {"hidden": [7, 7, 4], "residual": True, "normalization": "batch", "dropout": 0.3}),
    ("architecture.mlp", {"hidden": [9], "normalization": "layer", "activation": "tanh", "embedding": 2}),
    ("loss.cross_entropy", {"class_weights": "balanced", "label_smoothing": 0.1}),
    ("loss.binary_cross_entropy", {"pos_weight": 2.0}),
    ("optimizer.sgd", {"momentum": 0.9, "nesterov": True}),
    ("optimizer.rmsprop", {"momentum": 0.5, "centered": True}),
    ("optimizer.adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("scheduler.plateau", {"patience": 0, "min_lr": 0.001}),
    ("optimizer.muon", {"scale": "original", "nesterov": False, "lr": 0.02}),
    ("optimizer.adafactor", {"lr": 0.1, "weight_decay": 0.1}),
    ("optimizer.adamw", {"decayed": "all"}),
    ("optimizer.lbfgs", {"line_search": "none", "lr": 0.1}),
    ("optimizer.newton", {"damping": 1.0}),
    ("optimizer.proximal_gradient", {"accelerated": False}),
    ("optimizer.subgradient", {"decay": "linear"}),
    ("optimizer.pytorch_optimizer", {"optimizer": "adopt", "settings": {"weight_decay": 0.01}}),
    ("scheduler.cosine", {"min": 0.1}),
    ("scheduler.cosine", {"per": "epoch"}),
    ("scheduler.cyclic", {"mode": "exponential", "down": 1.0}),
    ("scheduler.exponential", {"per": "step"}),
    ("scheduler.one_cycle", {"shape": "linear"}),
    ("scheduler.warmup", {"steps": 3, "start": 0.0, "then": {"type": "exponential", "gamma": 0.5}}),
    ("regularization.gradient_clip", {"by": "value"}),
    ("regularization.l1", {"weight": 0.0}),
    ("metric.f1", {"average": "micro"}),
    ("metric.precision", {"average": "weighted"}),
]

PLUGINS = [
    pytest.param(entry, NEEDED.get(f"{entry.family}.{entry.name}", {}), id=f"{entry.family}.{entry.name}")
    for entry in installed()
]
PLUGINS += [
    pytest.param(installed().entry(*key.split(".")), settings, id=f"{key} {settings}") for key, settings in OTHERWISE
]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the files that `NEEDED` names."""
    rows = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})
    rows.write_csv(tmp_path / "rows.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("entry", "settings"), PLUGINS)
def test_keeps_its_promises(entry: Entry, settings: dict[str, Any]) -> None:
    check_plugin(entry.load(), settings)


def test_every_family_is_there() -> None:
    assert {entry.family for entry in installed()} >= {"architecture", "loss", "optimizer", "scheduler", "metric"}
