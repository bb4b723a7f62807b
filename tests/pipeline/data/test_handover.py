"""What one process sends another gets: values, types, shapes and strides."""

from multiprocessing import Pipe

import pytest
import torch

from recipeline.data import handover


@pytest.fixture(params=[True, False], ids=["by handle", "as torch does"])
def ends(request, monkeypatch):
    if request.param and not handover.BY_HANDLE:
        pytest.skip("needs Linux")
    monkeypatch.setattr(handover, "BY_HANDLE", request.param)
    here, there = Pipe()
    yield here, there
    here.close()
    there.close()


def test_a_batch_arrives_as_it_was_sent(ends):
    here, there = ends
    blocks = (
        torch.randn(5, 7)[:, :3],  # cut to its longest row
        torch.arange(5),
        torch.zeros(5, 0),
        torch.randint(0, 255, (5, 1, 3, 3), dtype=torch.uint8),
    )
    target = torch.randn(5, 2)
    handover.send(here, 12, (blocks, target))
    about, batch = handover.receive(there)
    assert about == 12
    for found, sent in zip((*batch[0], batch[1]), (*blocks, target), strict=True):
        assert found.dtype == sent.dtype
        assert torch.equal(found, sent)
        assert found.stride() == sent.stride()
        assert found.data_ptr() % handover.ALIGNED == 0
        found += 1  # it is the receiver's own


def test_a_batch_without_rows_arrives_too(ends):
    here, there = ends
    handover.send(here, 0, ((torch.zeros(0, 4),), torch.zeros(0, dtype=torch.int64)))
    _, ((block,), target) = handover.receive(there)
    assert block.shape == (0, 4)
    assert target.shape == (0,)


def test_a_word_comes_without_a_batch(ends):
    here, there = ends
    handover.send_word(here, "what went wrong")
    assert handover.receive(there) == ("what went wrong", None)


def test_nobody_there_is_an_end_of_file(ends):
    here, there = ends
    here.close()
    with pytest.raises(EOFError):
        handover.receive(there)
