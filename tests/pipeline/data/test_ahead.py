"""Batches that worker processes cut are those that this one would cut, in its order."""

import contextlib
import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from recipeline.data.ahead import EACH, Ahead, automatic
from recipeline.data.batches import Batches
from recipeline.data.prepared import Arrays
from recipeline.data.windows import Windows
from recipeline.errors import EnvironmentFault, RecipelineError

ROWS = 43


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Mapped as the cache's are; the last block is in memory."""
    folder = tmp_path_factory.mktemp("arrays")
    rows = np.arange(ROWS)
    lengths = rows % 5 + 1
    tokens = np.where(np.arange(9) < lengths[:, None], rows[:, None] + 1, 0)
    target = np.where(np.arange(6) < (rows % 4 + 1)[:, None], rows[:, None] + 4, 0)
    made = {}
    for name, values in (("tokens", tokens), ("lengths", lengths), ("target", target)):
        np.save(folder / f"{name}.npy", values)
        made[name] = np.load(folder / f"{name}.npy", mmap_mode="c")
    numbers = np.random.default_rng(0).random((ROWS, 3), dtype=np.float32)
    kinds = ("tokens", "lengths", "numeric")
    train = Arrays((made["tokens"], made["lengths"], numbers), made["target"], rows, kinds)
    return {"train": train, "validation": Arrays((numbers[:9].copy(),), rows[:9].copy(), rows[:9], ("numeric",))}


@pytest.fixture(scope="module")
def ahead(parts):
    made = Ahead(parts, 2)
    yield made
    made.close()


@pytest.fixture
def both(parts, ahead):
    """The same batches, cut here and cut ahead."""

    def make(part="train", size=4, **how):
        settings = {"shuffle": True, "seed": 3} | how
        return (
            Batches(parts[part], size, **settings),
            Batches(parts[part], size, **settings, ahead=partial(ahead.batches, part)),
        )

    return make


def assert_same(found, expected):
    found, expected = list(found), list(expected)
    assert len(found) == len(expected)
    for (blocks, target), (others, other) in zip(found, expected, strict=True):
        for mine, its in zip((*blocks, target), (*others, other), strict=True):
            assert torch.equal(mine, its)
            assert mine.stride() == its.stride()


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"shuffle": False},
        {"size": "full"},
        {"size": 1},
        {"rank": 1, "world": 3},
        {"shuffle": False, "rank": 2, "world": 3},
        {"windows": Windows(4, 2)},
    ],
    ids=str,
)
def test_the_batches_are_the_same(how, both):
    here, there = both(**how)
    for epoch in (0, 1, 5):
        here.set_epoch(epoch)
        there.set_epoch(epoch)
        assert_same(there, here)
        assert [there.source_rows(n) for n in range(len(there))] == [here.source_rows(n) for n in range(len(here))]


def test_a_process_without_rows_gets_batches_without_rows(both):
    here, there = both("validation", shuffle=False, rank=3, world=40)
    assert_same(there, here)


def test_only_what_was_given_counts(both):
    here, there = both()
    whole = list(here)
    batches = iter(there)
    for _ in range(3):
        next(batches)
    assert there.state_dict() == {"epoch": 0, "given": 3}  # though more are cut already
    again = both()[1]
    again.load_state_dict(there.state_dict())
    assert_same(again, whole[3:])
    assert again.given == len(whole)


def test_another_part_may_be_looked_at_in_between(both):
    here, there = both()
    looked_at_here, looked_at_there = both("validation", shuffle=False)
    expected, found = list(here), []
    for number, batch in enumerate(there):
        found.append(batch)
        if number in (0, 4):
            assert_same(looked_at_there, looked_at_here)
        if number == 7:
            next(iter(looked_at_there))  # and left there
    assert_same(found, expected)


def test_no_generator_is_drawn_from(both):
    def states():
        return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()

    before = states()
    list(both()[1])
    assert states() == before


def test_each_worker_is_few_batches_ahead(parts):
    asked = []

    class Counting(Ahead):
        def _started(self):
            class Worker:
                def ask(self, turn, part, place):
                    asked.append(place)

                def answer(self, turn):
                    return (), torch.zeros(1)

            return [Worker(), Worker()]

    batches = Counting(parts, 2).batches("train", [slice(n, n + 1) for n in range(20)])
    next(batches)
    assert len(asked) == 2 * EACH
    next(batches)
    assert len(asked) == 2 * EACH + 1


def test_each_tensor_is_pinned_where_a_gpu_waits_for_it(parts):
    pinned = []
    with contextlib.closing(Ahead(parts, 1, lambda tensor: pinned.append(tensor) or -tensor)) as ahead:
        ((block,), target) = next(ahead.batches("validation", [slice(0, 4)]))
    assert len(pinned) == 2
    assert torch.equal(block, -torch.from_numpy(parts["validation"].blocks[0][:4]))
    assert target.tolist() == [0, -1, -2, -3]


def test_signals_of_a_terminal_do_not_reach_the_workers(both, ahead):
    _, there = both()
    list(there)
    before = ahead.pids
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert len(list(there)) == len(there)
    assert ahead.pids == before


def gone(pid: int) -> bool:
    """Whether nothing of this number runs any more, waited for a while."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
                time.sleep(0.05)
                continue
        return True
    return False


def test_a_worker_that_is_killed_ends_the_iteration_and_is_named(parts):
    with contextlib.closing(Ahead(parts, 2)) as ahead:
        batches = ahead.batches("train", [slice(n, n + 1) for n in range(ROWS)])
        next(batches)
        first, second = ahead.pids
        os.kill(second, signal.SIGKILL)
        with pytest.raises(
            EnvironmentFault,
            match=rf"training\.workers: worker process 2 of 2 that cuts batches was ended by SIGKILL, .* \(found pid "
            rf"{second}\)\. The system does that when memory runs out.* recipeline resume last",
        ):
            list(batches)
        assert not ahead.pids
        assert gone(first)
        assert len(list(ahead.batches("train", [slice(0, 4)]))) == 1  # by others


def test_what_a_worker_can_not_read_is_told(parts, tmp_path):
    np.save(tmp_path / "block.npy", np.zeros((4, 2), dtype=np.float32))
    lost = Arrays((np.load(tmp_path / "block.npy", mmap_mode="c"),), np.arange(4), np.arange(4))
    (tmp_path / "block.npy").unlink()
    words = r"training\.workers: a worker process can't cut its batch: FileNotFoundError"
    with contextlib.closing(Ahead({"train": lost}, 1)) as ahead, pytest.raises(EnvironmentFault, match=words):
        next(ahead.batches("train", [slice(0, 2)]))


def test_a_fault_of_ours_keeps_its_traceback(parts):
    words = r"failed:\nTraceback(.|\n)*IndexError"
    with contextlib.closing(Ahead(parts, 1)) as ahead, pytest.raises(RecipelineError, match=words) as found:
        next(ahead.batches("train", [torch.tensor([ROWS + 5])]))
    assert found.value.exit_code == 1


def test_auto_leaves_two_cores_to_the_training():
    assert [automatic(cores) for cores in (1, 2, 3, 5, 6, 64)] == [0, 0, 1, 3, 4, 4]
