"""Where rows are held while a device trains, and that they are the same rows in the same order there."""

import numpy as np
import pytest
import torch

from recipeline.data.batches import Batches
from recipeline.data.prepared import Arrays
from recipeline.training import on_device
from recipeline.training.on_device import SHARE, free_bytes, placement, size
from recipeline.training.several import Chunks

CPU, META = torch.device("cpu"), torch.device("meta")


def arrays(rows: int) -> Arrays:
    numbers = np.arange(rows)
    return Arrays((np.stack([numbers, numbers * 10], axis=1).astype(np.float32),), numbers.copy(), numbers)


@pytest.fixture
def parts() -> dict[str, Arrays]:
    return {"train": arrays(40), "validation": arrays(20), "test": arrays(10)}


def test_a_cpu_has_nothing_to_decide(parts):
    found = placement(parts, CPU)
    assert free_bytes(CPU) is None
    assert (found.held, found.pinned, found.said) == ((), False, None)


@pytest.mark.parametrize(
    ("bytes_", "held"),
    [
        (60 * 16, ("train", "validation")),
        (60 * 16 - 1, ("train",)),
        (40 * 16, ("train",)),
        (40 * 16 - 1, ("validation",)),
        (20 * 16 - 1, ()),
    ],
)
def test_what_fits_into_a_share_of_the_free_memory_is_held(bytes_, held, parts):
    assert size(parts["train"]) == 40 * 16
    found = placement(parts, META, free=lambda _device: int(bytes_ / SHARE))
    assert found.held == held
    assert ("The train rows (1 MB) are copied" in found.said) == ("train" not in held)
    assert (f"The {' and '.join(held)} rows (1 MB) are held" in found.said) == bool(held)


def test_a_reader_is_told_once_what_was_decided_and_why(parts):
    assert placement(parts, META, free=lambda _device: 8 * 10**9).said == (
        "The train and validation rows (1 MB) are held on meta, which has 8.0 GB free: batches are cut there."
    )
    assert placement(parts, META, free=lambda _device: 100).said == (
        "The train rows (1 MB) are copied to meta batch by batch: they are more than a quarter of the 1 MB that meta "
        "has free."
    )
    reason = placement(parts, META, because="the recipe asks for workers that cut them", free=lambda _device: 10**9)
    assert reason.held == ()
    assert reason.said.endswith("batch by batch: the recipe asks for workers that cut them.")


def test_rows_are_moved_once_and_cut_where_they_are(parts):
    found = placement(parts, META, free=lambda _device: 10**9)
    cutter = found.cutter("train", parts["train"])
    assert found.cutter("train", parts["train"]) is cutter
    batches = Batches(parts["train"], 8, shuffle=True, seed=1, cutter=cutter)
    for (block,), target in batches:
        assert block.device == target.device == META
        assert block.shape == (8, 2)
    found.let_go()
    assert found.cutter("train", parts["train"]) is not cutter
    assert found.cutter("test", parts["test"]).device == CPU


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_held_rows_come_in_the_same_order(shuffle, world, parts):
    held = placement(parts, CPU, free=lambda _device: 10**9).cutter("train", parts["train"])
    for rank in range(world):
        settings = {"shuffle": shuffle, "seed": 4, "rank": rank, "world": world}
        plain, there = (Batches(parts["train"], 8, **settings, cutter=cutter) for cutter in (None, held))
        for epoch in (0, 3):
            plain.set_epoch(epoch)
            there.set_epoch(epoch)
            for ((block,), target), ((other,), truth) in zip(there, plain, strict=True):
                assert torch.equal(block, other)
                assert torch.equal(target, truth)


def test_other_rows_go_by_pinned_memory(parts, monkeypatch):
    made = []

    def pinned(shape, dtype):
        made.append(torch.empty(shape, dtype=dtype))
        return made[-1]

    monkeypatch.setattr(on_device, "pinned", pinned)
    found = placement(parts, torch.device("cuda", 0), free=lambda _device: 100)
    assert found.pinned
    assert found.held == ()
    batches = Batches(parts["train"], 8, shuffle=True, seed=1, cutter=found.cutter("train", parts["train"]))
    plain = list(Batches(parts["train"], 8, shuffle=True, seed=1))
    for number, ((block,), target) in enumerate(batches):
        assert block is made[2 * number]
        assert target is made[2 * number + 1]
        assert torch.equal(block, plain[number][0][0])
        assert torch.equal(target, plain[number][1])


def test_a_chunk_brings_its_batches_to_the_device(parts):
    batches = Batches(parts["train"], 8, shuffle=True, seed=1)
    for chunk in Chunks(batches, 2):
        for (block,), target in chunk.to(META):
            assert block.device == target.device == META
