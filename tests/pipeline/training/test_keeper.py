"""A training that goes on from any of its checkpoints ends with the same bytes as one that was never interrupted."""

import shutil
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger

from recipeline.catalog import installed
from recipeline.errors import Interrupted
from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.storage.sealed import verify
from recipeline.training.checkpoints import DurableCheckpointIO
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.kept import CHECKPOINTS, find_checkpoints, numbered
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.several import why_single
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import keeper_of, make_trainer

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [6], dropout: 0.2, normalization: batch}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 3, batch_size: 8, accelerator: cpu, checkpoint: {epochs: 1, steps: 4, keep: 50}}
"""
OTHERS = [
    (1, ["training.accumulate=3"]),
    (5, ["training.accumulate=3", "training.checkpoint.steps=1"]),
    (1, ["scheduler={type: plateau, patience: 0, factor: 0.5}"]),
    (4, ["scheduler={type: plateau, patience: 0, factor: 0.5, warmup_epochs: 0.5}"]),
    (4, ["regularization=[mixup, noise, {type: gradient_noise, eta: 0.1}, l1]"]),
    (1, ["regularization=[sharpness_aware, {type: weight_averaging, kind: equal}, {type: early_stopping, patience: 1}]",
         "optimizer.lr=0.3", "training.epochs=9"]),
    (4, ["training.accumulate=3", "training.checkpoint.steps=3", "scheduler={type: one_cycle, warmup_epochs: 2}"]),
    (64, ["training.batch_size=full"]),
]  # fmt: skip


class Curves(DummyLogger):
    """Keeps every point."""

    def __init__(self, points):
        super().__init__()
        self.points = points

    def log_metrics(self, metrics, step=None):
        self.points |= {(k, metrics["epoch"]): float(v) for k, v in metrics.items() if "per_second" not in k}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def fit(cache, tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text(RECIPE)
    points: dict[tuple[str, int], float] = {}

    def train(at_once: int, *overrides: str, extra=()):
        datamodule = RecipeDataModule(load_recipe(path, overrides), cache, complete)
        data, recipe = datamodule.data, datamodule.recipe
        pl.seed_everything(recipe.seed, verbose=False)
        module = TrainingModule(recipe, data)
        trainer = make_trainer(recipe, folder=tmp_path / "run", logger=Curves(points), observer=Observer(), extra=extra)
        if at_once > 1:
            assert why_single(recipe, trainer) is None
            module.automatic_optimization = False
            trainer.accumulate_grad_batches = 1
            datamodule.steps_per_call = at_once
        found = find_checkpoints(tmp_path / "run" / CHECKPOINTS)
        assert not found.damaged
        keeper_of(trainer).know(found.kept)
        with as_it_was():
            trainer.fit(module, datamodule=datamodule, ckpt_path=found.newest, weights_only=True)
        return state(module, trainer) | {"curves": dict(points)}

    return train


def state(module, trainer) -> dict[str, object]:
    """Everything that another step would start from, as plain values."""
    optimizer = trainer.optimizers[0].state_dict()
    best = trainer.checkpoint_callback
    return {
        "weights": {name: value.numpy().tobytes() for name, value in module.state_dict().items()},
        "optimizer": torch.utils._pytree.tree_map(
            lambda value: value.numpy().tobytes() if isinstance(value, torch.Tensor) else value, optimizer
        ),
        "schedules": [repr(config.scheduler._last_lr) for config in trainer.lr_scheduler_configs],
        "generator": torch.get_rng_state().numpy().tobytes(),
        "epochs": trainer.current_epoch,
        "step": trainer.global_step,
        "best": (float(best.best_model_score), Path(best.best_model_path).name),
        "checkpoints": len(numbered(Path(trainer.default_root_dir) / CHECKPOINTS)),
    }


def back_to(folder: Path, number: int) -> None:
    """As if the process had been killed before the next checkpoint."""
    for path in numbered(folder / "run" / CHECKPOINTS):
        if int(path.stem) > number:
            shutil.rmtree(path)


@pytest.mark.parametrize(("at_once", "overrides"), OTHERS, ids=lambda o: o[0] if isinstance(o, list) else str(o))
def test_it_ends_the_same_from_every_checkpoint(at_once, overrides, fit, tmp_path):
    whole = fit(at_once, *overrides)
    count = whole["checkpoints"]
    assert count >= 3
    for number in sorted({count, count - 1, count // 2 + 1, count // 2, 1}, reverse=True):
        back_to(tmp_path, number)
        again = fit(at_once, *overrides)
        if number == count:  # nothing was left to do
            again = whole | {"curves": again["curves"]}
        assert again == whole, number


def plugins(family: str) -> list[tuple[str, list[str]]]:
    """Name, and the overrides that it needs, of each plugin that builds by default."""
    found = []
    for entry in installed():
        if entry.family == family:
            cls = entry.load()
            if not any(field.is_required() for field in cls.model_fields.values()):
                found.append((entry.name, [need for need in cls.requires if need.startswith("training.")]))
    return found


@pytest.mark.parametrize(("name", "needs"), plugins("optimizer"))
def test_every_optimizers_state_survives(name, needs, fit, tmp_path):
    overrides = [
        f"optimizer={name}",
        "training.epochs=3",
        "scheduler=exponential",
        "regularization=[{type: l1, weight: 0.01}]",
        *needs,
    ]
    whole = fit(1, *overrides)
    back_to(tmp_path, 1)
    assert fit(1, *overrides) == whole


@pytest.mark.parametrize(("name", "needs"), plugins("scheduler"))
def test_every_schedulers_state_survives(name, needs, fit, tmp_path):
    overrides = [f"scheduler={name}", "training.epochs=2", *needs]
    whole = fit(4, *overrides)
    back_to(tmp_path, 2)
    assert fit(4, *overrides) == whole


class Sequence(pl.Callback):
    """Draws from every generator, and keeps its own count, as a stranger's plugin may."""

    def __init__(self):
        self.drawn: list[float] = []

    def on_train_epoch_start(self, trainer, pl_module):
        import random

        import numpy as np

        self.drawn += [
            random.random(),
            random.gauss(0, 1),
            np.random.random(),
            np.random.normal(),
            float(torch.rand(1)),
        ]

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.on_train_epoch_start(trainer, pl_module)

    def state_dict(self):
        return {"drawn": self.drawn}

    def load_state_dict(self, state_dict):
        self.drawn = state_dict["drawn"]


class Signal(pl.Callback):
    """A signal that arrives in the middle of a step."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step == 17:
            keeper_of(trainer).signal.number = 15


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_signal_is_answered_after_the_step_with_a_checkpoint(at_once, fit, tmp_path):
    whole = fit(at_once, "training.checkpoint={}")
    back_to(tmp_path, 0)
    with pytest.raises(Interrupted):
        fit(at_once, "training.checkpoint={}", extra=[Signal()])
    found = find_checkpoints(tmp_path / "run" / CHECKPOINTS)
    assert (found.epochs, found.step) == (1, 18 if at_once == 1 else 21)
    again = fit(at_once, "training.checkpoint={}")
    assert {**again, "checkpoints": 0} == {**whole, "checkpoints": 0}


@pytest.mark.parametrize("number", [1, 4])
def test_every_generator_and_a_plugins_own_state_go_on(number, fit, tmp_path):
    first, second = Sequence(), Sequence()
    fit(1, extra=[first])
    back_to(tmp_path, number)
    fit(1, extra=[second])
    assert len(first.drawn) > 200
    assert second.drawn == first.drawn


def test_the_patience_of_early_stopping_goes_on(fit, tmp_path):
    """The third epoch in a row that is no better ends the training, wherever it was interrupted."""
    asked = [
        "regularization=[{type: early_stopping, patience: 3}]",
        "optimizer={type: sgd, lr: 1e-30}",
        "architecture.normalization=none",
        "training.epochs=9",
        "training.checkpoint={epochs: 1, keep: 50}",
    ]
    whole = fit(64, *asked)
    assert whole["epochs"] == 4
    back_to(tmp_path, 2)
    assert fit(64, *asked) == whole


def test_two_are_kept_with_the_best_epochs_that_they_depend_on(fit, tmp_path):
    fit(64, "training.checkpoint={epochs: 1}")
    folder = tmp_path / "run" / CHECKPOINTS
    found = find_checkpoints(folder)
    assert sorted(found.kept) == [2, 3]
    assert {p.name for p in folder.iterdir() if p.name.startswith("best-")} == set(found.kept.values())
    assert (found.epochs, found.step) == (3, 39)


def test_a_damaged_one_is_named_and_the_one_before_it_taken(fit, tmp_path):
    fit(64, "training.checkpoint={epochs: 1}")
    folder = tmp_path / "run" / CHECKPOINTS
    path = folder / "000003.ckpt" / "state.ckpt"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    found = find_checkpoints(folder)
    assert found.newest == folder / "000002.ckpt"
    assert found.damaged == (f"{path.parent}: state.ckpt has {len(whole) - 1:,} bytes in place of {len(whole):,}",)
    path.write_bytes(whole)
    best = folder / str(found.kept[2])
    (best / "state.ckpt").unlink()
    found = find_checkpoints(folder)
    assert found.newest is None or found.kept[max(found.kept)] != best.name


def test_auto_saves_seldom_and_at_the_end(fit, tmp_path, monkeypatch):
    from recipeline.training import keeper

    now = iter(range(0, 10**9, 100))
    monkeypatch.setattr(keeper, "monotonic", lambda: next(now))
    fit(64, "training.checkpoint={}", "training.epochs=12")
    # Each look at the clock is 100 s later: a save costs 100 s, so that it takes twenty looks until the next.
    assert [int(p.stem) for p in numbered(tmp_path / "run" / CHECKPOINTS)] == [1, 2]


def test_minutes_count_within_an_epoch_too(fit, tmp_path, monkeypatch):
    from recipeline.training import keeper

    now = iter(range(0, 10**9, 60))
    monkeypatch.setattr(keeper, "monotonic", lambda: next(now))
    fit(1, "training.checkpoint={epochs: null, minutes: 5}", "training.epochs=1")
    assert sorted(int(p.stem) for p in numbered(tmp_path / "run" / CHECKPOINTS)) == [2, 3]


class Logging(pl.Callback):
    """Logs batch by batch in all the ways that there are; Lightning adds them up until the epoch's end."""

    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.log("plugin/first", torch.tensor(float(trainer.global_step)))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        value = batch[0][0].sum()
        pl_module.log("plugin/mean", value, on_step=False, on_epoch=True)
        pl_module.log("plugin/both", value, on_step=True, on_epoch=True, sync_dist=True)
        for how in ("sum", "min", "max"):
            pl_module.log(f"plugin/{how}", value, on_step=False, on_epoch=True, reduce_fx=how)


def test_all_that_was_logged_is_written_before_a_checkpoint_is(fit, tmp_path, monkeypatch):
    waiting, saves = [], []
    monkeypatch.setattr(Curves, "log_metrics", lambda self, metrics, step=None: waiting.append(metrics))
    monkeypatch.setattr(Curves, "save", lambda self: waiting.clear(), raising=False)
    save = DurableCheckpointIO.save_checkpoint

    def saved(self, checkpoint, path, *args, **kwargs):
        if not Path(path).name.startswith("best"):
            saves.append(len(waiting))
        return save(self, checkpoint, path, *args, **kwargs)

    class Chatty(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.logger.log_metrics({"chat": 1.0})

    monkeypatch.setattr(DurableCheckpointIO, "save_checkpoint", saved)
    fit(1, extra=[Chatty()])
    assert len(saves) > 3
    assert set(saves) == {0}


def test_what_a_plugin_logs_by_batch_is_of_the_whole_epoch(fit, tmp_path):
    whole = fit(1, extra=[Logging()])
    assert len([key for key, epoch in whole["curves"] if key.startswith("plugin/") and epoch == 2]) >= 6
    middle = [  # of an epoch
        int(path.stem)
        for path in numbered(tmp_path / "run" / CHECKPOINTS)
        if verify(path).info["step"] % 13 and verify(path).info["step"] > 13
    ]
    assert middle
    for number in sorted(middle, reverse=True)[:3]:
        back_to(tmp_path, number)
        again = fit(1, extra=[Logging()])
        assert {k: (v, whole["curves"][k]) for k, v in again["curves"].items() if whole["curves"][k] != v} == {}
        assert again == whole, number
