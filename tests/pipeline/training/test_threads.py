import pytest
import torch
from torch import nn

from recipeline.errors import RecipeError
from recipeline.families.spec import Block, InputSpec
from recipeline.training.threads import multiplications, parameters, refuse_more_than_cores, threads_for

TABLE = InputSpec({"numeric": Block(("a",), (50,))})
IMAGE = InputSpec({"image": Block(("photo",), (1, 8, 8))})
SERIES = InputSpec({"series": Block(("x",), (20, 3)), "lengths": Block(("lengths",), ())})


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(3, 5, batch_first=True)

    def forward(self, series, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(series, lengths, batch_first=True, enforce_sorted=False)
        return self.layer(packed)[1][0]


class Untried(nn.Linear):
    def forward(self, x):
        raise ValueError("zeros are nothing to me")


@pytest.mark.parametrize(
    ("network", "inputs", "count"),
    [
        (nn.Linear(50, 64), TABLE, 50 * 64),
        (nn.Sequential(nn.Linear(50, 64), nn.BatchNorm1d(64)), TABLE, 50 * 64 + 128),
        (nn.Conv2d(1, 8, 3, padding=1), IMAGE, 8 * 8 * 8 * 9),
        (Recurrent(), SERIES, 20 * (15 * 3 + 15 * 5 + 2 * 15)),
        (Untried(50, 2), TABLE, 102),
    ],
)
def test_multiplications_of_a_row(network, inputs, count):
    assert multiplications(network, inputs) == count


def test_a_small_step_gets_one_thread_and_a_large_one_torchs_choice():
    assert threads_for(nn.Linear(50, 64), TABLE, 256) == 1
    assert threads_for(nn.Linear(50, 64), TABLE, 20_000) == torch.get_num_threads()
    assert threads_for(nn.Conv2d(1, 8, 3), IMAGE, 32) == 1


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Linear(50, 4), nn.BatchNorm1d(4)).train()
    drawn = torch.get_rng_state()
    multiplications(network, TABLE)
    assert network.training
    assert not network[0]._forward_hooks
    assert torch.equal(torch.get_rng_state(), drawn)
    assert int(network[1].num_batches_tracked) == 0


def test_frozen_values_are_not_counted():
    network = nn.Linear(3, 2)
    network.bias.requires_grad_(False)
    assert parameters(network) == 6


def test_more_threads_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    for fine in ("auto", 1, 4):
        refuse_more_than_cores(fine)
    with pytest.raises(
        RecipeError, match=r"training\.threads: this machine has 4 cores, .* \(found 1000\)\. Take 4 at m"
    ):
        refuse_more_than_cores(1000)
    with pytest.raises(RecipeError, match=r"training\.workers: .* more workers only wait for each other \(found 5\)"):
        refuse_more_than_cores(5, "workers")
