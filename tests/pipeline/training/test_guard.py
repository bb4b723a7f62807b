"""A number that is not finite stops the training before it does harm, or its step is left out."""

import io
import math
import random
import re
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, ExponentialLR, OneCycleLR, SequentialLR

from recipeline.catalog import installed
from recipeline.errors import TrainingError
from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.training.archive import read
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.guard import IN_A_ROW, halve, listed
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import make_trainer

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [6, 5], activation: tanh, normalization: batch}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 2, batch_size: 8, accelerator: cpu}
"""


BATCHES = 13
"""105 rows by 8: the one that is left over is in the last batch."""


class Told(Observer):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def prepared(cache, tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text(RECIPE)

    def make(*overrides, at_once=5):
        datamodule = RecipeDataModule(load_recipe(path, overrides), cache, complete)
        recipe = datamodule.recipe if datamodule.data else None
        pl.seed_everything(recipe.seed, verbose=False)
        module = TrainingModule(recipe, datamodule.data)
        module.configure_model()
        told = Told()
        trainer = make_trainer(recipe, folder=tmp_path / "run", logger=DummyLogger(), observer=told)
        if at_once > 1:
            module.automatic_optimization = False
            trainer.accumulate_grad_batches = 1
            datamodule.steps_per_call = at_once

        def fit():
            with as_it_was():
                trainer.fit(module, datamodule=datamodule, weights_only=True)

        return module, trainer, fit, told

    return make


def corrupt(module, where, step, value, lasting=False):
    """Put a NaN or an Inf in at this training batch, counted over the whole training."""
    seen = 0
    network = module.network

    def due():
        return module.training and seen == step

    def before(_network, _given):
        nonlocal seen
        seen += module.training

    real = module.ready

    def ready(batch):
        inputs, target = real(batch)
        if where == "input" and module.training and seen == step - 1:
            module.was = inputs[0][2].tolist()
            inputs = (inputs[0].clone(), *inputs[1:])
            inputs[0][2, 0] = value
        return inputs, target

    module.ready = ready
    network.register_forward_pre_hook(before)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if where == "layer":

        def layer(_layer, _given, output):
            return output * value if due() or (lasting and module.training and seen > step) else None

        layers[1].register_forward_hook(layer)
    if where == "loss":
        module.loss.register_forward_hook(lambda _loss, _given, output: output * value if due() else None)
    if where == "gradient":
        layers[-1].bias.register_hook(lambda gradient: gradient * value if due() else gradient)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def finite(module):
    return all(bool(p.isfinite().all()) for p in module.parameters())


@pytest.mark.parametrize("at_once", [1, 5])
@pytest.mark.parametrize("where", ["input", "layer", "loss", "gradient"])
def test_it_stops_within_the_step_and_the_weights_are_those_of_the_step_before(where, at_once, prepared):
    draw = random.Random(f"{where}{at_once}")
    step, value = draw.randrange(1, 27), draw.choice([math.nan, math.inf])
    module, trainer, fit, _ = prepared(at_once=at_once)
    corrupt(module, where, step, value, lasting=True)
    with pytest.raises(TrainingError) as caught:
        fit()
    assert trainer.global_step == step - 1
    assert finite(module)
    said = str(caught.value)
    epoch, batch = (step - 1) // BATCHES + 1, (step - 1) % BATCHES + 1
    assert f"at epoch {epoch}, batch {batch}, optimizer step {step}, row" in said
    first = {
        "input": "first in the batch's input", "layer": "first in the output of '", "loss": "first in the loss itself",
        "gradient": "first in the gradient of 'network.",
    }  # fmt: skip
    assert first[where] in said
    assert ("the gradient is" if where == "gradient" else "the loss is no longer a finite number") in said
    for path in (Path(trainer.default_root_dir) / "checkpoints").glob("*.ckpt"):
        state = read(io.BytesIO((path / "state.ckpt").read_bytes()))["state_dict"]
        assert all(bool(value.isfinite().all()) for value in state.values())


def test_the_rows_named_are_those_of_the_source(prepared):
    module, _, fit, _ = prepared()
    corrupt(module, "input", 9, math.nan)
    with pytest.raises(TrainingError) as caught:
        fit()
    (named,) = (int(number) - 1 for number in re.findall(r", row (\d+) \(found first in", str(caught.value)))
    arrays = module.trainer.datamodule.data.parts["train"]
    place = arrays.rows.tolist().index(named)
    assert arrays.blocks[0][place].tolist() == module.was


@pytest.mark.parametrize("at_once", [1, 5])
@pytest.mark.parametrize("where", ["input", "layer", "loss", "gradient"])
def test_a_step_that_is_left_out_leaves_nothing_behind(where, at_once, prepared):
    module, trainer, fit, told = prepared("training.on_nonfinite=skip", at_once=at_once)
    corrupt(module, where, 4, math.nan)
    seen = []

    class Look(pl.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            seen.append(weights(pl_module))

    trainer.callbacks.insert(2, Look())
    fit()
    assert trainer.global_step == 2 * BATCHES
    assert finite(module)
    parameters = [name for name, _ in module.named_parameters()]
    assert all(torch.equal(seen[3][name], seen[4][name]) for name in parameters)
    assert not all(torch.equal(seen[4][name], seen[5][name]) for name in parameters)
    assert all(bool(value.isfinite().all()) for value in module.state_dict().values() if value.is_floating_point())
    (note,) = told.notes
    assert note.startswith("not finite at epoch 1, batch 4, optimizer step 4, ")
    assert note.endswith("first: the step is left out")
    assert float(trainer.callback_metrics["train/skipped_steps"]) == 1.0
    assert math.isfinite(float(trainer.callback_metrics["train/loss"]))
    assert math.isfinite(float(trainer.callback_metrics["grad_norm"]))


def test_with_accumulation_the_whole_step_is_left_out(prepared):
    module, trainer, fit, told = prepared("training.on_nonfinite=skip", "training.accumulate=3")
    corrupt(module, "loss", 2, math.nan)
    fit()
    assert finite(module)
    assert told.notes == [
        "not finite at epoch 1, batch 3, optimizer step 1, the loss itself first: the step is left out"
    ]
    assert trainer.global_step == 2 * 5


@pytest.mark.parametrize("at_once", [1, 5])
def test_the_rate_is_halved_for_all_that_follows(at_once, prepared):
    module, trainer, fit, told = prepared(
        "training.on_nonfinite=halve_lr", "scheduler={type: exponential, gamma: 0.5}", at_once=at_once
    )
    corrupt(module, "gradient", 3, math.inf)
    fit()
    assert "and the learning rate is 0.01 from here on" in told.notes[0]
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.02 / 2 * 0.5**2)


def test_steps_left_out_in_a_row_end_the_training(prepared):
    module, _, fit, told = prepared("training.on_nonfinite=skip")
    module.network.register_forward_hook(lambda *_: _[2] * math.nan if module.training else None)
    with pytest.raises(
        TrainingError, match=rf"{IN_A_ROW} steps in a row were not finite, the last at epoch 1, batch 11"
    ):
        fit()
    assert len(told.notes) == IN_A_ROW


def optimizers():
    """Those for which a step can be left out, and that need no settings."""
    found = [entry.load() for entry in installed() if entry.family == "optimizer"]
    return [
        cls
        for cls in found
        if not (cls.needs_closure or cls.second_order or any(f.is_required() for f in cls.model_fields.values()))
    ]


@pytest.mark.parametrize("cls", optimizers(), ids=lambda cls: cls.plugin_name)
def test_every_optimizer_does_nothing_without_a_gradient(cls):
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = cls().build_for(network, list(network.parameters()))
    for _ in range(2):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    before = [parameter.clone() for parameter in network.parameters()]
    optimizer.zero_grad(set_to_none=True)
    optimizer.step()
    assert all(torch.equal(p, was) for p, was in zip(network.parameters(), before, strict=True))


def test_no_checkpoint_holds_what_is_not_finite(prepared):
    _, trainer, fit, _ = prepared()

    class Spoil(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                with torch.no_grad():
                    next(pl_module.parameters()).view(-1)[0] = math.nan

    trainer.callbacks.insert(1, Spoil())
    with pytest.raises(TrainingError, match=r"the weights are no longer finite at epoch 2.*first in 'network\."):
        fit()
    kept = sorted((Path(trainer.default_root_dir) / "checkpoints").glob("best-*.ckpt"))
    assert len(kept) == 1
    state = read(io.BytesIO((kept[0] / "state.ckpt").read_bytes()))["state_dict"]
    assert all(bool(value.isfinite().all()) for value in state.values())


def test_a_mask_of_infinities_is_no_reason_to_stop(prepared):
    module, _, fit, _ = prepared("training.epochs=1")
    module.network.register_buffer("mask", torch.full((2,), -math.inf))
    fit()


def test_a_validation_loss_and_a_metric_are_looked_at_too(prepared):
    module, _, fit, _ = prepared()
    module.network.register_forward_hook(lambda *given: None if module.training else given[2] * math.nan)
    with pytest.raises(
        TrainingError, match=r"the validation loss is no longer .* at epoch 1, batch 1, rows .*first in"
    ):
        fit()
    module, _, fit, _ = prepared()
    real = module.validation_metrics.compute
    module.validation_metrics.compute = lambda: real() | {"accuracy": torch.tensor(math.nan)}
    with pytest.raises(TrainingError, match=r"the metric val/accuracy is not finite at epoch 1 .*on_nonfinite: skip"):
        fit()


@pytest.mark.parametrize(
    "make",
    [
        lambda o: ExponentialLR(o, 0.9),
        lambda o: OneCycleLR(o, max_lr=1.0, total_steps=20),
        lambda o: CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=4, cycle_momentum=False),
        lambda o: SequentialLR(o, [ExponentialLR(o, 0.9), ExponentialLR(o, 0.5)], milestones=[5]),
    ],
    ids=["exponential", "one_cycle", "cyclic", "sequential"],
)
def test_a_schedule_goes_on_at_half_its_rates(make):
    def rates(halved_at):
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.5)
        schedule = make(optimizer)
        found = []
        for step in range(12):
            optimizer.step()
            if step == halved_at:
                halve(optimizer, [schedule])
            schedule.step()
            found.append(optimizer.param_groups[0]["lr"])
        return found

    whole, half = rates(-1), rates(3)
    assert half[:3] == whole[:3]
    assert half[3:] == pytest.approx([rate / 2 for rate in whole[3:]])


def test_rows_are_listed_shortly():
    assert [listed([3]), listed([3, 4]), listed(list(range(9)))] == [
        "row 3", "rows 3 and 4", "rows 0, 1, 2, 3, 4 and 4 more",
    ]  # fmt: skip
