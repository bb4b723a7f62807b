"""A cutter gives the same rows wherever they are, and whatever memory they go to."""

import numpy as np
import pytest
import torch

from recipeline.data.cutting import Cutter, cutter_of
from recipeline.data.prepared import Arrays

ROWS = 12
ORDER = torch.tensor([7, 0, 11, 3])
STRETCH = slice(4, 9)


@pytest.fixture
def arrays() -> Arrays:
    rows = np.arange(ROWS)
    lengths = rows % 5 + 1
    tokens = np.where(np.arange(9) < lengths[:, None], rows[:, None] + 1, 0)
    target = np.where(np.arange(6) < (rows % 4 + 1)[:, None], rows[:, None] + 4, 0)
    numbers = np.random.default_rng(0).random((ROWS, 3), dtype=np.float32)
    return Arrays((numbers, tokens, lengths), target, rows, ("numeric", "tokens", "lengths"))


@pytest.mark.parametrize("place", [ORDER, STRETCH], ids=["gathered", "a stretch"])
def test_a_batch_holds_its_rows_up_to_its_longest(place, arrays):
    (numbers, tokens, lengths), target = cutter_of(arrays).cut(place)
    rows = place.numpy() if isinstance(place, torch.Tensor) else place
    assert np.array_equal(numbers.numpy(), arrays.blocks[0][rows])
    assert np.array_equal(lengths.numpy(), arrays.blocks[2][rows])
    longest = arrays.blocks[2][rows].max()
    assert np.array_equal(tokens.numpy(), arrays.blocks[1][rows, :longest])
    assert np.array_equal(target.numpy(), arrays.target[rows][:, : (rows_longest := (target != 0).sum(1).max())])
    assert rows_longest == (arrays.target[rows] != 0).sum(1).max()


@pytest.mark.parametrize("place", [ORDER, STRETCH], ids=["gathered", "a stretch"])
def test_other_memory_holds_the_same_with_the_same_strides(place, arrays):
    made = []

    def empty(shape, dtype):
        made.append(torch.full(shape, 77, dtype=dtype))
        return made[-1]

    plain = cutter_of(arrays)
    blocks, target = plain.into(empty).cut(place)
    expected, expected_target = plain.cut(place)
    assert len(made) == 4
    for found, other, memory in zip((*blocks, target), (*expected, expected_target), made, strict=True):
        assert torch.equal(found, other)
        assert found.stride() == other.stride()
        assert found.data_ptr() == memory.data_ptr()


def test_rows_can_be_on_another_device():
    there = Cutter((torch.ones(5, 3), torch.zeros(5, 2, dtype=torch.uint8)), torch.arange(5)).to(torch.device("meta"))
    assert there.device.type == "meta"
    for (numbers, image), target in (there.at(torch.tensor([4, 1], device="meta")), there.between(1, 3)):
        assert (numbers.shape, image.shape, target.shape) == ((2, 3), (2, 2), (2,))
        assert {numbers.device.type, image.device.type, target.device.type} == {"meta"}


def test_no_rows_have_no_longest(arrays):
    (_, tokens, _), target = cutter_of(arrays).between(3, 3)
    assert tokens.shape == (0, 9)
    assert target.shape == (0, 6)
