"""Arrays that don't fit in memory are shuffled window by window: every row once, near rows from few blocks."""

import mmap

import numpy as np
import pytest
import torch

from recipeline.data.batches import Batches
from recipeline.data.prepared import Arrays
from recipeline.data.windows import Reader, Windows, windows_for


def arrays(rows: int, columns: int = 4) -> Arrays:
    numbers = np.arange(rows)
    return Arrays((np.zeros((rows, columns), dtype=np.float32),), numbers.astype(np.float32), numbers.copy())


@pytest.mark.parametrize("rows", [1, 5, 64, 1000, 1003])
@pytest.mark.parametrize("windows", [Windows(1, 2), Windows(7, 3), Windows(100, 2), Windows(5000, 2)])
def test_every_row_comes_once(rows, windows):
    found = windows.order(rows, torch.Generator().manual_seed(0))
    assert sorted(found.tolist()) == list(range(rows))


def test_a_window_is_a_few_blocks_from_anywhere_in_any_order():
    found = Windows(10, 4).order(1000, torch.Generator().manual_seed(0))
    blocks = [set((found[start : start + 40] // 10).tolist()) for start in range(0, 1000, 40)]
    assert all(len(each) == 4 for each in blocks)
    assert len(set.union(*blocks)) == 100
    assert max(max(each) - min(each) for each in blocks) > 50
    first = found[:40]
    assert (first[1:] < first[:-1]).sum() > 10  # not block after block


def test_those_that_fit_are_shuffled_as_ever():
    small = arrays(1000)  # 20 bytes a row
    assert windows_for(small, memory=40_000) is None
    assert windows_for(arrays(0), memory=0) is None
    found = windows_for(small, memory=39_998)
    assert found is not None
    assert found.block == 1024**2 // 20
    assert found.window == 2


def test_a_window_takes_an_eighth_of_the_memory():
    large = Arrays(
        (np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (10**7, 1000), (0, 0)),), np.zeros(10**7), np.zeros(0)
    )
    found = windows_for(large, memory=8 * 1024**3)
    assert found is not None
    assert found.block == 1024**2 // 4008
    assert found.rows * 4008 == pytest.approx(1024**3, rel=0.01)


def test_batches_come_in_that_order_and_go_on_in_it():
    windows = Windows(8, 3)
    batches = Batches(arrays(100), 10, shuffle=True, seed=3, windows=windows)
    whole = [target.tolist() for _, target in batches]
    assert sorted(row for batch in whole for row in batch) == list(range(100))
    assert whole != [target.tolist() for _, target in Batches(arrays(100), 10, shuffle=True, seed=3)]
    again = Batches(arrays(100), 10, shuffle=True, seed=3, windows=windows)
    again.load_state_dict({"epoch": 0, "given": 4})
    assert [target.tolist() for _, target in again] == whole[4:]
    again.set_epoch(1)
    assert [target.tolist() for _, target in again] != whole


@pytest.mark.parametrize("begin", [0, 3])
def test_the_blocks_of_a_window_are_asked_for_when_its_first_row_is_wanted(begin, tmp_path, monkeypatch):
    rows, columns = 4096, 16  # 64 bytes a row
    values = np.random.default_rng(0).random((rows, columns), dtype=np.float32)
    np.save(tmp_path / "block.npy", values)
    mapped = np.load(tmp_path / "block.npy", mmap_mode="c")
    held = Arrays((mapped,), np.arange(rows), np.arange(rows))
    windows = Windows(64, 8)  # a page each, eight windows
    batches = Batches(held, 256, shuffle=True, seed=1, windows=windows)
    asked = []

    class Base:
        def __init__(self, base):
            self.base = base

        def __len__(self):
            return len(self.base)

        def madvise(self, option, *span):
            asked.append((option, *span))
            self.base.madvise(option, *span)

    made = Reader.__init__

    def init(reader, *given):
        made(reader, *given)
        reader._mapped = [(Base(base), start, row) for base, start, row in reader._mapped]

    monkeypatch.setattr(Reader, "__init__", init)
    batches.begin = begin
    order, seen = batches.order(0), []
    for number, (blocks, target) in enumerate(batches, begin):
        index = order[256 * number : 256 * (number + 1)]
        assert np.array_equal(blocks[0], values[index.numpy()])
        assert torch.equal(target, index)
        seen.append(sum(option == mmap.MADV_WILLNEED for option, *_ in asked))
    assert asked[0] == (mmap.MADV_RANDOM,)
    assert asked[-1] == (mmap.MADV_NORMAL,)
    # A window has 8 blocks, and two batches.
    assert seen == [8 * (1 + (number // 2) - begin // 2) for number in range(begin, 16)]
    spans = [span for option, *span in asked if option == mmap.MADV_WILLNEED]
    assert all(first % mmap.PAGESIZE == 0 and 64 * 64 <= length <= 64 * 64 + mmap.PAGESIZE for first, length in spans)
