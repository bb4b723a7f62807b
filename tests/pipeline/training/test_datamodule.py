"""The loaders that a training gets: cut here, by workers, or on the device."""

import pytest
import torch

from recipeline.recipe.load import load_recipe
from recipeline.stages.read import complete
from recipeline.training.batch_size import with_batch_size
from recipeline.training.datamodule import RecipeDataModule

RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
training: {batch_size: 16}
"""


@pytest.fixture
def datamodule(tmp_path):
    made = []

    def make(*overrides):
        path = tmp_path / "iris.yaml"
        path.write_text(RECIPE)
        made.append(RecipeDataModule(load_recipe(path, overrides), tmp_path / "cache", complete))
        return made[-1]

    yield make
    for each in made:
        each.close()


def loaders(datamodule):
    return [datamodule.train_dataloader(), datamodule.val_dataloader(), datamodule.test_dataloader()]


def assert_same(found, expected):
    for mine, other in zip(found, expected, strict=True):
        for (blocks, target), (others, truth) in zip(mine, other, strict=True):
            assert all(map(torch.equal, blocks, others))
            assert torch.equal(target, truth)


def test_all_parts_are_cut_by_the_same_workers(datamodule):
    expected = [list(loader) for loader in loaders(datamodule())]
    found = datamodule()
    found.workers = 2
    assert_same(loaders(found), expected)
    pids = found._ahead.pids
    assert len(pids) == 2
    assert_same(loaders(found), expected)
    assert found._ahead.pids == pids
    found.close()
    assert not found._ahead.pids


def test_rows_on_a_device_are_told_of_once_and_need_no_workers(datamodule):
    expected = [list(loader) for loader in loaders(datamodule())]
    found, told = datamodule(), []
    found.tell, found.workers = told.append, 2  # as `auto` may find
    found.free_bytes = lambda _device: 10**9
    train, validation, test = loaders(found)
    assert_same([train, validation], expected[:2])
    assert found._ahead is None or not found._ahead.pids
    assert_same([test], expected[2:])  # which nobody keeps there
    assert len(found._ahead.pids) == 2
    assert told == [
        "The train and validation rows (1 MB) are held on cpu, which has 1.0 GB free: batches are cut there."
    ]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.workers=1", "the recipe asks for workers that cut them"),
        ("training.batch_size=auto", "the batch size was found for all of its memory"),
    ],
)
def test_what_speaks_against_holding_rows_is_told(override, reason, datamodule):
    found, told = datamodule(override), []
    found.tell, found.free_bytes = told.append, lambda _device: 10**9
    _ = found.data
    found.recipe = with_batch_size(found.recipe, 8)
    found.train_dataloader()
    assert told == [f"The train rows (1 MB) are copied to cpu batch by batch: {reason}."]
