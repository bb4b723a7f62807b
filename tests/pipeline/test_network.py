"""Answers of a table don't depend on the rows beside them; other networks answer in their own precision."""

import numpy as np
import torch
from torch import nn

from recipeline.families.spec import Block, InputSpec, TargetSpec
from recipeline.network import for_answers

NUMBER = TargetSpec("regression", ("y",))
TABLE = InputSpec({"numeric": Block(("a", "b", "c"), (3,))})


def test_a_tables_network_answers_in_float64_and_is_left_as_it_was():
    network = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 1)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    exact = for_answers(network, TABLE, NUMBER)
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(512, 3)))
    with torch.inference_mode():
        together = exact(rows)
        alone = torch.cat([exact(row[None]) for row in rows])
    assert together.dtype == torch.float64
    assert ((together - alone).abs() <= 1e-12 * together.abs() + 1e-15).all()
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_coded_categories_stay_whole_numbers():
    class Coded(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 2)

        def forward(self, numeric, categorical):
            return numeric.sum(1) + self.embedding(categorical).sum((1, 2))

    both = InputSpec({**TABLE.blocks, "categorical": Block(("d",), (1,), (5,))})
    exact = for_answers(Coded(), both, NUMBER)
    assert exact(torch.ones(1, 3, dtype=torch.float64), torch.ones(1, 1, dtype=torch.int64)).dtype == torch.float64


def test_a_network_that_makes_float32_of_its_own_answers_as_it_was_trained():
    class Stubborn(nn.Linear):
        def forward(self, x):
            return super().forward(x) @ torch.ones(1, 1)

    network = Stubborn(3, 1)
    assert for_answers(network, TABLE, NUMBER) is network


def test_images_are_answered_as_they_were_trained():
    network = nn.Conv2d(1, 2, 3)
    assert for_answers(network, InputSpec({"image": Block(("photo",), (1, 8, 8))}), NUMBER) is network


def test_a_network_that_says_sequences_answers_in_float64():
    class Speaking(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(6, 6)

        def forward(self, tokens, lengths, before):
            return self.embedding(before) + lengths[:, None, None]

    text = InputSpec({"tokens": Block(("t",), (4,), (9,)), "lengths": Block(("lengths",), ())})
    spoken = TargetSpec("sequence", ("y",), ("[PAD]", "[BEGIN]", "[END]", "[UNK]", "a", "b"), longest=3)
    network = Speaking()
    assert {p.dtype for p in for_answers(network, text, spoken).parameters()} == {torch.float64}
    assert for_answers(network, text, NUMBER) is network
