"""Every NaN and Inf is seen, where it is first is named, and looking changes no bit."""

import math

import pytest
import torch
from torch import nn

from recipeline.training.finite import AllFinite, Bad, bad_rows, first_bad, is_finite, trace

EDGES = torch.tensor([0.0, -0.0, 1e-45, -1e-40, 1.5, 3e38, -3e38])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_looking_changes_no_bit(dtype):
    tensors = [EDGES.to(dtype), torch.randn(50, 3, dtype=dtype), torch.ones((), dtype=dtype)]
    before = [tensor.clone() for tensor in tensors]
    assert AllFinite()(tensors)
    for tensor, was in zip(tensors, before, strict=True):
        assert torch.equal(tensor, was)
        assert torch.equal(torch.signbit(tensor), torch.signbit(was))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 7), (2, 0)])
def test_one_number_is_enough(value, place):
    tensors = [torch.randn(5), torch.randn(4, 4), torch.zeros(())]
    look = AllFinite()
    assert look(tensors)
    tensors[place[0]].view(-1)[place[1]] = value
    assert not look(tensors)
    tensors[place[0]].view(-1)[place[1]] = 1.0
    assert look(tensors), "one look must not spoil the next"


def test_tensors_of_several_kinds_are_looked_at_one_by_one():
    tensors = [
        torch.ones(3),
        torch.ones(3, dtype=torch.float64),
        torch.sparse_coo_tensor([[1]], [2.0], (4,), check_invariants=True),
    ]
    assert AllFinite()(tensors)
    assert not AllFinite()([*tensors, torch.tensor([math.nan], dtype=torch.float64)])
    assert not AllFinite()([torch.sparse_coo_tensor([[1]], [math.inf], (4,), check_invariants=True), torch.ones(2)])
    assert AllFinite()([])


def test_the_first_by_name_and_the_rows():
    bad = torch.tensor([[1.0, 2.0], [math.nan, 1.0], [0.0, math.inf]])
    assert first_bad([("a", torch.ones(2)), ("b", None), ("c", bad), ("d", bad)]) == "c"
    assert first_bad([("a", torch.ones(2))]) is None
    assert bad_rows(bad) == (1, 2)
    assert bad_rows(torch.tensor([1, 2])) == ()
    assert bad_rows(torch.tensor(math.nan)) == ()
    assert not is_finite(bad)


class Overflows(nn.Module):
    def forward(self, block):
        return torch.where(block > 5, block / 0, block)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), Overflows(), nn.ReLU(), nn.Linear(3, 2))


def traced(network, inputs, target=None, loss=None):
    target = torch.zeros(len(inputs)) if target is None else target
    return trace(network, loss, [inputs], target, network(inputs))


def test_the_batch_comes_first(network):
    inputs = torch.tensor([[1.0, 1.0], [math.inf, 0.0]])
    assert traced(network, inputs) == Bad("the batch's input", (1,))
    assert traced(network, torch.ones(2, 2), torch.tensor([0.0, math.nan])) == Bad("the batch's target", (1,))


def test_then_the_weights(network):
    with torch.no_grad():
        network[3].bias[0] = math.nan
    assert traced(network, torch.ones(2, 2)) == Bad("the weight '3.bias', as the step before has left it")
    with torch.no_grad():
        network[3].bias[0] = 0.0
    loss = nn.Linear(1, 1)
    with torch.no_grad():
        loss.weight.fill_(math.inf)
    assert (
        traced(network, torch.ones(2, 2), loss=loss).what == "the weight 'loss.weight', as the step before has left it"
    )


def test_then_the_first_layer_that_gives_one(network):
    with torch.no_grad():
        network[0].weight.fill_(1.0)
        network[0].bias.zero_()
    inputs = torch.tensor([[1.0, 1.0], [4.0, 3.0], [1.0, 0.0]])
    assert traced(network, inputs) == Bad("the output of '1' (Overflows)", (1,))


def test_then_the_loss(network):
    assert traced(network, torch.ones(2, 2)) == Bad("the loss itself")
