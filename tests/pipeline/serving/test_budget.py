"""A network may ask for a few times the memory of its weights, and for no more."""

import pytest
import torch

from recipeline.serving import budget
from recipeline.serving.budget import Budget, TooLarge


def test_a_network_of_the_weights_size_is_built():
    network = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.BatchNorm1d(300), torch.nn.Embedding(50, 8))
    weights = network.state_dict()
    with Budget(sum(tensor.nbytes for tensor in weights.values()), len(weights)):
        built = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.BatchNorm1d(300), torch.nn.Embedding(50, 8))
        built.load_state_dict(weights)
    assert torch.equal(built[0].weight, network[0].weight)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.Linear(10**6, 10**6),
        lambda: torch.zeros(10**12),
        lambda: torch.arange(10**12),
        lambda: torch.linspace(0, 1, 10**12),
        lambda: torch.eye(10**6),
        lambda: torch.rand(10**4, 10**8),
        lambda: torch.zeros(1).repeat(10**12),
        lambda: torch.full((10**6, 10**6), 1.0),
    ],
)
def test_terabytes_are_refused_before_they_are_claimed(make):
    with Budget(1000, 2), pytest.raises(TooLarge, match="a tensor of 1,000,000,0"):
        make()


def test_many_small_tensors_are_refused_too(monkeypatch):
    monkeypatch.setattr(budget, "TENSORS_BESIDE", 100)
    with Budget(1000, 1), pytest.raises(TooLarge, match="endless small tensors"):
        [torch.zeros(1) for _ in range(1000)]
