"""Several mini-batches in one Lightning step give, byte for byte, what one at a time gives."""

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger

from recipeline.catalog import installed
from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.several import AT_ONCE, Chunks, _bare_step, _forgetting, why_single
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import make_trainer

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [6], dropout: 0.2, normalization: batch}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 3, batch_size: 8, accelerator: cpu}
"""
BY_STEP = "scheduler={type: cosine, warmup_epochs: 0.5}"
SCHEDULERS = [
    "fixed",
    "exponential",
    "{type: step, every: 1}",
    "linear",
    "cosine",
    "{type: plateau, patience: 0, factor: 0.5}",
    "{type: plateau, monitor: val/accuracy, patience: 0, warmup_epochs: 1}",
    "{type: exponential, warmup_epochs: 1.3}",
]
OTHERS = [
    ["training.accumulate=3"],
    ["training.accumulate=4", "scheduler=linear"],
    ["training.batch_size=full"],
    ["training.batch_size=1", "architecture.normalization=none", "training.epochs=1"],
    ["regularization=[{type: gradient_clip, max: 0.1}]"],
    ["regularization=[{type: gradient_clip, max: 0.1}, {type: l1, weight: 0.01}, {type: l2, weight: 0.1}]"],
    ["regularization=[{type: early_stopping, patience: 1}]"],
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def fit(cache, tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text(RECIPE)

    def train(at_once: int, *overrides: str, workers: int = 0, room: int | None = None):
        datamodule = RecipeDataModule(load_recipe(path, overrides), cache, complete)
        datamodule.workers, datamodule.free_bytes = workers, lambda _device: room
        data = datamodule.data
        recipe = datamodule.recipe
        pl.seed_everything(recipe.seed, verbose=False)
        module = TrainingModule(recipe, data)
        trainer = make_trainer(recipe, folder=tmp_path / str(at_once), logger=DummyLogger(), observer=Observer())
        assert why_single(recipe, trainer) is None
        if at_once > 1:
            module.automatic_optimization = False
            trainer.accumulate_grad_batches = 1
            datamodule.steps_per_call = at_once
        with as_it_was():
            trainer.fit(module, datamodule=datamodule, weights_only=True)
        datamodule.close()
        return module, trainer

    return train


def state(module, trainer) -> dict[str, object]:
    """Everything that another step would start from, as plain values."""
    numbers = {k: v.item() for k, v in trainer.callback_metrics.items() if "per_second" not in k}
    optimizer = trainer.optimizers[0].state_dict()
    return {
        "weights": {name: value.numpy().tobytes() for name, value in module.state_dict().items()},
        "optimizer": torch.utils._pytree.tree_map(
            lambda value: value.numpy().tobytes() if isinstance(value, torch.Tensor) else value, optimizer
        ),
        "schedules": [repr(config.scheduler._last_lr) for config in trainer.lr_scheduler_configs],
        "metrics": numbers,
        "generator": torch.get_rng_state().numpy().tobytes(),
        "epochs": trainer.current_epoch,
        "step": trainer.global_step,
    }


def optimizers() -> list[str]:
    names = []
    for entry in installed():
        if entry.family == "optimizer":
            cls = entry.load()
            required = any(field.is_required() for field in cls.model_fields.values())
            if not (cls.needs_closure or cls.second_order or required):
                names.append(entry.name)
    return names


@pytest.mark.parametrize("name", optimizers())
def test_every_optimizer_makes_the_same_steps(name, fit):
    overrides = [f"optimizer={name}", BY_STEP]
    if name in ("gradient_descent", "proximal_gradient"):
        overrides.append("training.batch_size=full")
    assert state(*fit(5, *overrides)) == state(*fit(1, *overrides))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_moves_at_the_same_moments(scheduler, fit):
    assert state(*fit(5, f"scheduler={scheduler}")) == state(*fit(1, f"scheduler={scheduler}"))


@pytest.mark.parametrize("overrides", OTHERS, ids=lambda o: o[0])
def test_everything_else_happens_as_with_one(overrides, fit):
    assert state(*fit(AT_ONCE, *overrides)) == state(*fit(1, *overrides))


@pytest.mark.parametrize("at_once", [1, 5])
def test_batches_that_workers_cut_train_to_the_same_weights(at_once, fit):
    overrides = ["training.accumulate=3", BY_STEP]
    assert state(*fit(at_once, *overrides, workers=2)) == state(*fit(at_once, *overrides))


@pytest.mark.parametrize("at_once", [1, 5])
def test_rows_that_are_held_on_the_device_train_to_the_same_weights(at_once, fit):
    module, trainer = fit(at_once, BY_STEP, room=10**9)
    assert trainer.datamodule._placement.held == ("train", "validation")
    assert state(module, trainer) == state(*fit(at_once, BY_STEP))


def test_a_chunk_is_cut_when_it_is_asked_for(fit):
    _, trainer = fit(5)
    chunks = trainer.train_dataloader
    assert isinstance(chunks, Chunks)
    assert len(chunks) == -(-len(chunks.batches) // 5)
    sizes = [len(list(chunk)) for chunk in chunks]
    assert sum(sizes) == len(chunks.batches)
    assert set(sizes[:-1]) == {5}


class Looking(pl.Callback):
    def on_train_batch_end(self, *args):
        """Sees each batch."""


@pytest.mark.parametrize(
    ("overrides", "extra", "reason"),
    [
        (["training.steps_per_call=1"], [], "the recipe asks for it"),
        (["training.precision=bf16-mixed"], [], "the precision bf16-mixed surrounds each step"),
        (["training.strategy=ddp", "training.devices=2"], [], "the strategy DDPStrategy counts batches"),
        ([], [Looking()], "the callback Looking looks at each batch (on_train_batch_end)"),
    ],
)
def test_what_needs_single_steps_is_named(overrides, extra, reason, tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text(RECIPE)
    recipe = load_recipe(path, overrides)
    with as_it_was():
        trainer = make_trainer(recipe, folder=tmp_path, logger=None, observer=Observer(), extra=extra)
    assert why_single(recipe, trainer) == reason


@pytest.fixture
def weight():
    found = torch.nn.Parameter(torch.ones(3))
    found.grad = torch.ones(3)
    return found


def test_a_step_without_what_surrounds_it_is_the_same_step(weight):
    optimizer = torch.optim.SGD([weight], lr=0.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    step = _bare_step(optimizer)
    assert step.func is torch.optim.SGD.step.__wrapped__
    step()
    schedule.step()  # warns where no step was made before
    assert weight.tolist() == [0.5] * 3


def test_a_hook_of_an_optimizer_is_called(weight):
    optimizer = torch.optim.SGD([weight], lr=0.5)
    called = []
    optimizer.register_step_post_hook(lambda *_: called.append(1))
    _bare_step(optimizer)()
    assert called == [1]


def test_a_step_that_was_replaced_is_taken(weight):
    optimizer = torch.optim.SGD([weight], lr=0.5)
    called = []
    optimizer.step = lambda: called.append(1)
    _bare_step(optimizer)()
    assert called == [1]


def test_gradients_are_forgotten_as_the_optimizer_would(weight):
    _forgetting(torch.optim.SGD([weight], lr=0.5))()
    assert weight.grad is None

    class Own(torch.optim.SGD):
        def zero_grad(self, set_to_none=True):
            self.asked = True

    optimizer = Own([weight], lr=0.5)
    _forgetting(optimizer)()
    assert optimizer.asked
