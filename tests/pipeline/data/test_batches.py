"""Batches: every row once, in an order that seed and epoch decide."""

import numpy as np
import pytest
import torch

from recipeline.data.batches import Batches
from recipeline.data.prepared import Arrays


def arrays(rows: int) -> Arrays:
    numbers = np.arange(rows)
    numeric = np.stack([numbers, numbers * 10], axis=1).astype(np.float32)
    return Arrays((numeric, numbers[:, None].copy()), numbers.copy(), numbers.copy())


def order(batches: Batches) -> list[int]:
    return [int(row) for _, target in batches for row in target]


@pytest.mark.parametrize("size", [1, 7, 32, 100, 1000])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_comes_once_with_its_own_target(size: int, shuffle: bool) -> None:
    batches = Batches(arrays(100), size, shuffle=shuffle, seed=0)
    seen = list(batches)
    assert len(seen) == len(batches)
    assert sorted(order(batches)) == list(range(100))
    for (numeric, codes), target in seen:
        assert torch.equal(numeric[:, 0], target.float())
        assert torch.equal(codes[:, 0], target)


@pytest.mark.parametrize("shuffle", [True, False])
def test_sequences_are_cut_to_the_batchs_longest(shuffle: bool) -> None:
    target = np.array([[4, 2, 0, 0], [5, 5, 2, 0], [6, 2, 0, 0], [4, 4, 4, 2]])
    numbers = np.arange(4)
    cut = Batches(Arrays((numbers[:, None].astype(np.float32),), target, numbers), 2, shuffle=shuffle, seed=0)
    for (rows,), batch in cut:
        whole = target[rows[:, 0].long().numpy()]
        assert batch.shape[1] == (whole != 0).sum(axis=1).max()
        assert np.array_equal(batch.numpy(), whole[:, : batch.shape[1]])


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def epoch(seed: int, number: int) -> list[int]:
        batches = Batches(arrays(50), 8, shuffle=True, seed=seed)
        batches.set_epoch(number)
        torch.manual_seed(number * 7 + 1)  # which has nothing to say here
        return order(batches)

    assert epoch(1, 3) == epoch(1, 3)
    assert len({tuple(epoch(seed, number)) for seed in (1, 2) for number in (0, 1)}) == 4


def test_without_shuffling_rows_come_in_order() -> None:
    assert order(Batches(arrays(10), 3, shuffle=False, seed=0)) == list(range(10))


@pytest.mark.parametrize("shuffle", [True, False])
def test_full_is_one_batch_in_order(shuffle: bool) -> None:
    batches = Batches(arrays(10), "full", shuffle=shuffle, seed=0)
    assert len(batches) == 1
    assert order(batches) == list(range(10))


def test_a_single_last_train_row_joins_the_batch_before() -> None:
    assert [len(target) for _, target in Batches(arrays(9), 4, shuffle=True, seed=0)] == [4, 5]
    assert [len(target) for _, target in Batches(arrays(9), 4, shuffle=False, seed=0)] == [4, 4, 1]
    assert [len(target) for _, target in Batches(arrays(3), 1, shuffle=True, seed=0)] == [1, 1, 1]


@pytest.mark.parametrize("rows", [1, 2, 10, 11, 12])
def test_processes_train_on_equally_many_rows(rows: int) -> None:
    shards = [Batches(arrays(rows), 2, shuffle=True, seed=5, rank=rank, world=3) for rank in range(3)]
    dealt = [order(shard) for shard in shards]
    assert len({len(shard) for shard in shards}) == 1
    assert len({len(part) for part in dealt}) == 1
    together = [row for part in dealt for row in part]
    assert set(together) == set(range(rows))
    assert len(together) < rows + 3


@pytest.mark.parametrize("rows", [1, 2, 10, 11])
def test_processes_evaluate_each_row_once(rows: int) -> None:
    shards = [Batches(arrays(rows), 4, shuffle=False, seed=0, rank=rank, world=3) for rank in range(3)]
    assert [row for shard in shards for row in order(shard)] == list(range(rows))


@pytest.mark.parametrize("rows", range(1, 20))
def test_processes_meet_equally_often_whatever_rows_they_have(rows: int) -> None:
    shards = [Batches(arrays(rows), 2, shuffle=False, seed=0, rank=rank, world=3) for rank in range(3)]
    assert {len(list(shard)) for shard in shards} == {len(shards[0])}
    for shard in shards:
        sizes = [len(target) for _, target in shard]
        assert sizes == sorted(sizes, reverse=True), "those without rows come last"
        assert [len(shard.source_rows(number)) for number in range(len(shard))] == sizes


def test_a_process_without_rows_gets_its_blocks_all_the_same() -> None:
    target = np.array([[4, 2, 0]])
    held = Arrays((np.ones((1, 2, 5), dtype=np.float32),), target, np.arange(1))
    (((block,), empty),) = Batches(held, 4, shuffle=False, seed=0, rank=0, world=2)
    assert block.shape == (0, 2, 5)
    assert empty.shape == (0, 3)


def test_memory_mapped_arrays_are_left_as_they_are(tmp_path: object) -> None:
    path = f"{tmp_path}/block.npy"
    np.save(path, np.zeros((6, 2), dtype=np.float32))
    mapped = np.load(path, mmap_mode="c")
    found = Arrays((mapped,), np.arange(6), np.arange(6))
    for (block,), _ in Batches(found, 2, shuffle=False, seed=0):
        block += 1
    assert (np.load(path) == 0).all()


@pytest.mark.parametrize("world", [1, 3])
@pytest.mark.parametrize("shuffle", [True, False])
def test_each_batch_knows_its_rows_in_the_source(shuffle: bool, world: int) -> None:
    held = arrays(41)
    moved = Arrays(held.blocks, held.target, held.rows + 1000)
    for rank in range(world):
        batches = Batches(moved, 8, shuffle=shuffle, seed=2, rank=rank, world=world)
        batches.set_epoch(4)
        for number, (_, target) in enumerate(batches):
            assert batches.source_rows(number) == [int(row) + 1000 for row in target]
