"""Every installed plugin keeps the promises that strangers' plugins are held to."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from recipeline.catalog import Entry, installed
from recipeline.data.pipeline import FittedPipeline
from recipeline.families.spec import Block, InputSpec, TargetSpec
from recipeline.network import build_network
from recipeline.recipe.load import parse
from recipeline.serving.bundle import write_bundle
from recipeline.testing import check_plugin

# What has no default, as a recipe would write it.
NEEDED: dict[str, dict[str, Any]] = {
    "architecture.pretrained": {"folder": "earlier"},
    "preprocessing.cast": {"columns": "children", "to": "text"},
    "preprocessing.drop_columns": {"columns": "city"},
    "preprocessing.resize": {"size": [4, 4]},
    "preprocessing.replace": {"columns": "city", "values": {"Oslo": "Roma"}},
    "scheduler.chain": {"schedules": ["linear", {"type": "step", "every": 2}, "cosine"], "at": [5.5, 12]},
    "scheduler.multi_step": {"at": [3, 7]},
    "source.csv": {"path": "rows.csv"},
    "source.image_folder": {"path": "photos"},
    "source.parquet": {"path": "rows.parquet"},
    "source.sample": {"dataset": "iris"},
    "source.windows": {"of": {"type": "csv", "path": "series.csv"}, "time": "day", "value": "y", "length": 2},
    "split.column": {"column": "part"},
    "split.group": {"column": "house"},
    "split.time": {"column": "day"},
    "split.files": {"train": "train", "validation": "validation", "test": "test"},
}

# Settings that take another way through a plugin than its defaults do.
OTHERWISE: list[tuple[str, dict[str, Any]]] = [
    ("architecture.cnn", {"blocks": [4, 6], "residual": True, "head": "average", "hidden": [5], "dropout": 0.2}),
    ("architecture.cnn", {"blocks": [4], "normalization": "none", "pooling": "none", "convolutions": 2, "kernel": 5}),
    ("architecture.resnet", {"widths": [4, 6], "depths": [1, 2], "stem": "large", "dropout": 0.2}),
    ("preprocessing.load_image", {"size": [4, 8], "channels": "rgb", "aspect": "pad"}),
    ("regularization.augment_image", {"flip": True, "crop": 0, "light": 0.3}),
    ("architecture.ft_transformer", {"width": 6, "heads": 3, "blocks": 1, "residual_dropout": 0.1}),
    ("architecture.mlp", {"hidden": []}),
    ("architecture.mlp", {"hidden": [6], "init": "orthogonal"}),
    ("architecture.tabular_resnet", {"width": 5, "blocks": 1, "embedding": 3}),
    ("architecture.mlp", {"hidden": [7, 7, 4], "residual": True, "normalization": "batch", "dropout": 0.3}),
    ("architecture.mlp", {"hidden": [9], "normalization": "layer", "activation": "tanh", "embedding": 2}),
    ("architecture.rnn", {"layers": 2, "dropout": 0.2, "pooling": "mean"}),
    ("architecture.lstm", {"bidirectional": True, "pooling": "max", "initialization": "uniform"}),
    ("architecture.gru", {"around_last": True, "own_unit": True, "bidirectional": True}),
    ("architecture.transformer", {"positions": "learned", "pooling": "last", "around_last": True}),
    ("architecture.pretrained", {"folder": "earlier", "head": "new", "freeze_until": "head"}),
    ("architecture.transformer", {"form": "decoder", "positions": "learned", "tied": False}),
    ("architecture.transformer", {"form": "encoder_decoder", "positions": "learned", "layers": 1}),
    ("preprocessing.tokenize", {"method": "wordpiece", "length": 3}),
    ("preprocessing.tokenize", {"method": "characters", "lowercase": False}),
    ("preprocessing.tokenize", {"method": "words", "length": 2}),
    ("preprocessing.tokenize_target", {"by": "characters", "min_frequency": 2}),
    ("metric.mase", {"season": 7}),
    ("loss.cross_entropy", {"class_weights": "balanced", "label_smoothing": 0.1}),
    ("loss.binary_cross_entropy", {"pos_weight": 2.0}),
    ("loss.cross_entropy", {"class_weights": "effective_number", "beta": 0.9}),
    ("loss.focal", {"gamma": 0.5, "class_weights": None}),
    ("loss.hinge", {"squared": True}),
    ("loss.momentum", {"beta": 0.5, "of": "log_loss"}),
    ("loss.multi_margin", {"power": 2}),
    ("loss.weighted_sum", {"weights": "learned"}),
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
    ("regularization.group_lasso", {"groups": "incoming"}),
    ("regularization.max_norm", {"max": 0.1}),
    ("regularization.stochastic_depth", {"linear": False}),
    ("regularization.weight_averaging", {"kind": "equal", "start": 2}),
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
    pl.DataFrame({"day": range(9), "y": [i * i for i in range(9)]}).write_csv(tmp_path / "series.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    for label, shade in (("dark", 10), ("light", 240)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        Image.new("L", (4, 4), shade).save(tmp_path / "photos" / label / "1.png")
    _save_model(tmp_path / "earlier")
    monkeypatch.chdir(tmp_path)


def _save_model(folder: Path) -> None:
    """A small network with its first weights, as a run would log it."""
    text = (
        "name: x\ndata: {source: {type: csv, path: rows.csv}, target: b}\narchitecture: {type: mlp, hidden: [4, 3]}\n"
    )
    recipe = parse(text, "x.yaml").recipe
    inputs = InputSpec({"numeric": Block(("a",), (1,)), "categorical": Block(("k",), (1,), (3,))})
    target = TargetSpec("multiclass", ("b",), ("x", "y", "z"), (1, 1, 1))
    pipeline = FittedPipeline((), (), inputs, target, accepts=("numeric", "categorical"))
    network = build_network(recipe, inputs, target)
    write_bundle(folder, network=network, recipe=recipe, pipeline=pipeline, batch_size=8)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("entry", "settings"), PLUGINS)
def test_keeps_its_promises(entry: Entry, settings: dict[str, Any]) -> None:
    check_plugin(entry.load(), settings)


def test_every_family_is_there() -> None:
    assert {entry.family for entry in installed()} >= {"architecture", "loss", "optimizer", "scheduler", "metric"}
