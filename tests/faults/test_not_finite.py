"""A NaN or an Inf at a random place of a random step: the training stops within that step, and what was good stays so.

RECIPELINE_SPOILED says how many trainings are spoiled: 100 if it says nothing.
"""

import math
import os
import random
from collections import Counter

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger
from torch import nn

from recipeline.errors import TrainingError
from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.training.checkpoints import DurableCheckpointIO
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.kept import CHECKPOINTS, find_checkpoints
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.surroundings import as_it_was
from recipeline.training.trainer import checkpoints_of, keeper_of, make_trainer

pytestmark = pytest.mark.faults

SPOILED = int(os.environ.get("RECIPELINE_SPOILED", "100"))
EPOCHS, SIZE = 3, 31
PLACES = ("input", "target", "weight", "layer", "loss", "gradient", "metric")
RECIPE = """
name: diabetes
data: {source: {type: sample, dataset: diabetes}, target: progression}
preprocessing: [standardize, normalize_target]
architecture: {type: mlp, hidden: [6, 5], normalization: batch, dropout: 0.1}
optimizer: adam
metrics: [mae, rmse]
training: {epochs: 3, batch_size: 31, accelerator: cpu, threads: 1, checkpoint: {epochs: 1}}
"""
OTHERS = [[], ["training.accumulate=2"], ["optimizer=sgd"], ["regularization=[l2, {type: gradient_clip, max: 1.0}]"],
          ["scheduler=one_cycle", "regularization=[mixup]"]]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


class Spoil:
    """Puts a value in at one place of one batch, counted from 1 over the whole training; a metric after that epoch."""

    def __init__(self, module, place, batch, value, draw):
        self.module, self.place, self.batch, self.value, self.draw, self.seen = module, place, batch, value, draw, 0
        real = module.ready
        module.ready = lambda given: self.ready(real(given))
        layer = draw.choice([layer for layer in module.network.modules() if isinstance(layer, nn.Linear)])
        if place == "layer":
            layer.register_forward_hook(lambda _layer, _given, out: self.put(out) if self.due() else None)
        elif place == "loss":
            module.loss.register_forward_hook(lambda _loss, _given, out: out * value if self.due() else None)
        elif place == "gradient":
            layer.weight.register_hook(lambda gradient: self.put(gradient) if self.due() else gradient)
        elif place == "metric":
            compute = module.validation_metrics.compute
            name = draw.choice(["mae", "rmse"])
            module.validation_metrics.compute = lambda: (
                compute() | ({name: torch.tensor(value)} if self.seen >= batch else {})
            )

    def due(self):
        return self.module.training and self.seen == self.batch

    def put(self, tensor):
        spoiled = tensor.clone()
        spoiled.view(-1)[self.draw.randrange(spoiled.numel())] = self.value
        return spoiled

    def ready(self, batch):
        inputs, target = batch
        self.seen += self.module.training
        if self.due() and self.place == "input":
            inputs = (self.put(inputs[0]), *inputs[1:])
        if self.due() and self.place == "target":
            target = self.put(target)
        if self.due() and self.place == "weight":
            with torch.no_grad():
                weight = next(self.module.network.parameters())
                weight.copy_(self.put(weight))
        return inputs, target


def all_finite(tensors):
    return all(bool(each.isfinite().all()) for each in tensors if each.is_floating_point())


@pytest.mark.parametrize("others", OTHERS, ids=lambda others: others[0] if others else "plain")
def test_it_stops_within_the_step_and_what_was_good_stays_so(others, cache, tmp_path, counted):
    (tmp_path / "diabetes.yaml").write_text(RECIPE)
    draw, seen = random.Random(str(others)), Counter()
    for number in range(-(-SPOILED // len(OTHERS))):
        recipe = load_recipe(tmp_path / "diabetes.yaml", [f"seed={number}", *others])
        datamodule = RecipeDataModule(recipe, cache, complete)
        recipe = datamodule.recipe if datamodule.data else None
        pl.seed_everything(recipe.seed, verbose=False)
        module = TrainingModule(recipe, datamodule.data)
        module.configure_model()
        folder = tmp_path / str(number)
        trainer = make_trainer(recipe, folder=folder, logger=DummyLogger(), observer=Observer())
        if draw.random() < 0.5:
            module.automatic_optimization = False
            trainer.accumulate_grad_batches = 1
            datamodule.steps_per_call = draw.choice([3, 64])
        keeper_of(trainer).know({})
        batches = -(-len(datamodule.data.parts["train"]) // SIZE)
        place, value = draw.choice(PLACES), draw.choice([math.nan, math.inf, -math.inf])
        batch = draw.randrange(1, EPOCHS * batches + 1)
        if place == "metric":
            batch = draw.randrange(1, EPOCHS + 1) * batches
        Spoil(module, place, batch, value, draw)
        what = f"{value} in the {place} of batch {batch}, run {number} of {others}"
        with as_it_was(), pytest.raises(TrainingError, match=r"finite .*at epoch \d+") as caught:
            trainer.fit(module, datamodule=datamodule, weights_only=True)
        seen[place] += 1
        accumulate = recipe.training.accumulate
        before = (batch - 1) // batches * -(-batches // accumulate) + (batch - 1) % batches // accumulate
        made = trainer.global_step
        assert made == (batch // batches * -(-batches // accumulate) if place == "metric" else before), what
        if place == "metric":
            assert "the metric val/" in str(caught.value), what
        elif place != "weight":
            assert all_finite(module.parameters()), what
        best = checkpoints_of(trainer).best_model_path
        complete_epochs = (batch - 1) // batches
        assert bool(best) == (complete_epochs > 0), what
        found = find_checkpoints(folder / CHECKPOINTS)
        assert not found.damaged, what
        for path in {best, str(found.newest)} - {"", "None"}:
            loaded = DurableCheckpointIO().load_checkpoint(path)
            states = [value for state in loaded["optimizer_states"] for value in _tensors(state)]
            assert all_finite([*loaded["state_dict"].values(), *states]), what
    counted(f"{sum(seen.values())} of {sum(seen.values())} spoiled trainings stopped within the step: {dict(seen)}")


def _tensors(state):
    return [value for value in torch.utils._pytree.tree_leaves(state) if isinstance(value, torch.Tensor)]
