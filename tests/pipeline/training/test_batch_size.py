"""`batch_size: auto`: the largest power of two that fits, found without touching the training to come."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recipeline.catalog import installed
from recipeline.data.prepared import Arrays
from recipeline.errors import EnvironmentFault, RecipeError, TrainingError
from recipeline.hooks import RunContext
from recipeline.recipe.load import load_recipe
from recipeline.stages import build, fit, preprocess, read, split
from recipeline.stages.job import Job
from recipeline.stages.read import complete
from recipeline.training import batch_size
from recipeline.training.batch_size import CPU_LIMIT, Found, found_batch_size
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.observer import Observer
from recipeline.training.surroundings import as_it_was

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [6], dropout: 0.2, normalization: batch}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 2, batch_size: auto, accelerator: cpu}
"""
OOM = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text(RECIPE)
    return lambda *overrides: load_recipe(path, overrides)


@pytest.fixture
def find(recipe, cache):
    def look(*overrides):
        module = RecipeDataModule(recipe(*overrides), cache, complete)
        data = module.data
        return found_batch_size(module.recipe, data)

    return look


def allowing(most: int, error: Exception):
    """Steps that fail beyond so many rows."""

    def steps(trial, size, count):
        if size > most:
            raise error
        return (torch.zeros(size, 4),), torch.zeros(size)

    return steps


@pytest.mark.filterwarnings("ignore:You called `self.log")  # nothing is tracked here
def test_auto_trains_as_the_number_that_it_finds(recipe, cache, tmp_path):
    def trained(*overrides):
        written = recipe(*overrides)
        heard = []
        listener = SimpleNamespace(**dict.fromkeys(dir(Observer), lambda *_: None) | {"note": heard.append})
        job = Job(written, installed(), tmp_path, cache, listener, RunContext(written, tmp_path))
        with as_it_was():
            for stage in (read, split, preprocess, build, fit):
                stage.run(job)
        return job, heard

    auto, heard = trained()
    number, nothing = trained("training.batch_size=64")
    assert auto.recipe.training.batch_size == auto.context.recipe.training.batch_size == 64
    assert auto.datamodule.recipe is auto.recipe
    assert "training.batch_size is 64: the train part has 105 rows." in heard
    assert not any("batch_size" in note for note in nothing)
    first, second = (job.module.state_dict() for job in (auto, number))
    assert all(torch.equal(first[name], second[name]) for name in first)
    states = [job.trainer.optimizers[0].state_dict()["state"] for job in (auto, number)]
    assert all(torch.equal(states[0][p]["exp_avg_sq"], states[1][p]["exp_avg_sq"]) for p in states[0])


def test_no_generator_is_touched(find):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert find() == Found(64, "the train part has 105 rows")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]


@pytest.mark.parametrize("optimizer", ["lbfgs", "newton", "newton_cg", "muon", "sgd"])
def test_it_is_found_for_every_kind_of_step(find, optimizer):
    assert find(f"optimizer={optimizer}").size == 64


def test_steps_that_evaluate_twice_and_other_precisions(find):
    assert find("regularization=[sharpness_aware, {type: mixup}]").size == 64
    for precision in ("64-true", "bf16-true", "bf16-mixed"):
        assert find(f"training.precision={precision}").size == 64


def test_the_free_memory_of_a_cpu_bounds_it(find, monkeypatch):
    whole = find()
    monkeypatch.setattr(batch_size, "available_bytes", lambda: 40_000)
    found = find()
    assert 1 <= found.size < whole.size
    assert found.because == "the free memory bears no more"
    monkeypatch.setattr(batch_size, "available_bytes", lambda: 20_000)
    assert find().size in (found.size // 2, found.size // 4)


def test_a_row_takes_what_its_hidden_values_take(recipe, cache, monkeypatch):
    module = RecipeDataModule(recipe("architecture.hidden=[4096]"), cache, complete)
    data = module.data
    seen = []
    monkeypatch.setattr(batch_size, "available_bytes", lambda: seen.append(1) or 10**9)
    trial = batch_size._Trial(module.recipe, data, torch.device("cpu"))
    per_row = 10**9 * batch_size.SHARE / batch_size.AT_ONCE / trial.bound()
    # Before and behind norm, activation and dropout, with the mask: four to seven times 4096 floats.
    assert 4 * 4096 * 4 <= per_row <= 7 * 4096 * 4


def test_it_is_halved_until_a_step_goes_through(find, monkeypatch):
    monkeypatch.setattr(batch_size._Trial, "_steps", allowing(20, RuntimeError(OOM)))
    monkeypatch.setattr(batch_size._Trial, "bound", lambda trial: 10**6)
    monkeypatch.setattr(batch_size.gc, "collect", lambda: 0)  # nothing to collect, and it takes a second
    assert find() == Found(16, "32 is more than the memory holds")
    monkeypatch.setattr(batch_size._Trial, "_steps", allowing(0, MemoryError()))
    with pytest.raises(
        EnvironmentFault, match=r"training\.batch_size: not one row fits into the memory \(found auto\)"
    ):
        find()


def test_a_device_is_filled_from_two_rows_on(find, monkeypatch):
    tried = []

    def steps(trial, size, count):
        tried.append(size)
        return allowing(20, torch.OutOfMemoryError("CUDA out of memory."))(trial, size, count)

    monkeypatch.setattr(batch_size, "_device", lambda recipe: torch.device("meta"))
    monkeypatch.setattr(batch_size._Trial, "_steps", steps)
    assert find() == Found(16, "32 is more than the memory holds")
    assert tried == [2, 4, 8, 16, 32]


def test_a_cpu_takes_no_more_than_its_limit(find, monkeypatch):
    monkeypatch.setattr(batch_size, "CPU_LIMIT", 32)
    assert find() == Found(32, "the most that it takes on a CPU")
    assert CPU_LIMIT == 1024


def test_other_errors_are_not_taken_for_a_lack_of_memory(find, monkeypatch):
    monkeypatch.setattr(batch_size._Trial, "bound", lambda trial: 64)
    monkeypatch.setattr(batch_size._Trial, "_steps", allowing(0, RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        find()


def test_a_first_step_that_diverges_is_said_as_in_the_training(find):
    with pytest.raises(TrainingError, match="no longer a finite number"):
        find("optimizer={type: sgd, lr: 1e38}", "loss=multi_margin", "architecture={type: mlp, hidden: [6]}")


def test_the_longest_rows_are_tried(recipe, cache, tmp_path):
    import polars as pl

    texts = [" ".join(["good bad"[5 * (n % 2) :][:4].strip()] * (1 + 40 * (n == 57))) for n in range(80)]
    pl.DataFrame({"text": texts, "y": [n % 2 for n in range(80)]}).write_parquet(tmp_path / "texts.parquet")
    module = RecipeDataModule(
        recipe(
            "data={source: {type: parquet, path: texts.parquet}, target: y, columns: {text: text}}",
            "preprocessing=[{type: tokenize, vocabulary: 30}]",
            "architecture={type: gru, hidden: 4}",
        ),
        cache,
        complete,
    )
    data = module.data
    trial = batch_size._Trial(module.recipe, data, torch.device("cpu"))
    inputs, _ = trial._steps(2, 1)
    assert inputs[0].shape[1] == data.parts["train"].blocks[0].shape[1]


def test_several_devices_are_refused(recipe):
    for override in ("training.devices=2", "training.devices=[0, 1]", "training.strategy=ddp"):
        with pytest.raises(RecipeError, match="auto looks for the batch size of one device, and several are to train"):
            recipe(override)


def test_those_that_need_all_rows_refuse_it(recipe):
    with pytest.raises(RecipeError, match=r"'gradient_descent' needs training\.batch_size: full, and it is auto"):
        recipe("optimizer=gradient_descent")


def test_several_of_this_machines_devices_are_refused(find, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda", 0))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 4)
    with pytest.raises(RecipeError, match=r"training\.batch_size: auto looks for .* one device, and 4 would train"):
        find("training.accelerator=auto")


def test_rows_that_take_most_come_first():
    numbers = np.arange(4)
    lengths, target = np.array([1, 5, 2, 2]), np.array([[4, 2, 0], [4, 2, 0], [4, 4, 2], [4, 2, 0]])
    first = batch_size._longest_first
    assert first(Arrays((numbers,), numbers, numbers)).tolist() == [0, 1, 2, 3]
    assert first(Arrays((numbers, lengths), numbers, numbers, ("tokens", "lengths"))).tolist() == [1, 2, 3, 0]
    assert first(Arrays((numbers, lengths), target, numbers, ("tokens", "lengths"))).tolist() == [1, 2, 3, 0]
    assert first(Arrays((numbers,), target, numbers)).tolist() == [2, 0, 1, 3]
