"""What a checkpoint is made of may be named in one, and nothing else."""

import io
import zipfile
from collections import OrderedDict

import pytest
import torch

from recipeline.training.archive import NotOurs, check_sizes, inspect


def saved(value):
    torch.save(value, sink := io.BytesIO())
    sink.seek(0)
    return sink


def test_what_trainings_save_is_read():
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.zeros(1, 3)).sum().backward()
    optimizer.step()
    value = {
        "state_dict": OrderedDict(network.state_dict()),
        "optimizer_states": [optimizer.state_dict()],
        "half": torch.zeros(2, dtype=torch.bfloat16),
        "codes": torch.arange(3),
        "yes": torch.tensor([True]),
        "generators": [torch.get_rng_state(), (1, (2, 3), None), {"a": b"bytes"}],
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "set": {1, 2},
        "parameter": torch.nn.Parameter(torch.zeros(2)),
        "view": torch.zeros(4, 4)[::2].T,
    }
    inspect(file := saved(value))
    assert file.tell() == 0
    loaded = torch.load(file, weights_only=True)
    check_sizes(loaded)
    assert torch.equal(loaded["optimizer_states"][0]["state"][0]["exp_avg"], optimizer.state[network.weight]["exp_avg"])


@pytest.mark.parametrize("value", [torch.nn.Linear(1, 1), bytearray(3), torch.zeros(2).to_sparse(), inspect])
def test_what_they_do_not_is_refused(value):
    with pytest.raises(NotOurs, match="it names"):
        inspect(saved({"a": value}))


def test_a_packed_archive_is_refused():
    packed = io.BytesIO()
    with zipfile.ZipFile(saved({"a": 1})) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name) + bytes(1000))
    with pytest.raises(NotOurs, match="is packed"):
        inspect(packed)


def test_numbers_without_memory_are_refused_and_small_ones_are_not():
    check_sizes({"a": [torch.zeros(1).expand(1000)]})
    with pytest.raises(NotOurs, match="a tensor claims 1,099,511,627,776 numbers and has 4 bytes"):
        check_sizes({"a": ({"b": torch.zeros(1).expand(2**40)},)})
