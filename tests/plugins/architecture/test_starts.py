"""The weights of every architecture start as they are told, by the names of torch.nn.init."""

from typing import Any, get_args

import pytest
import torch
from torch import nn

from recipeline import Architecture, Block, InputSpec, RecipeError
from recipeline.catalog import installed
from recipeline.testing.settings import check_settings
from recipeline_plugins.architecture import starts
from recipeline_plugins.architecture._starts import NamedStart, Start
from recipeline_plugins.architecture.linear import Linear
from recipeline_plugins.architecture.lstm import LSTM
from recipeline_plugins.architecture.mlp import MLP

EMPTY = Block((), (0,))
BLOCKS = {
    "numeric": Block(tuple("abcde"), (5,)),
    "categorical": Block(("k",), (1,), (3,)),
    "image": Block(("photo",), (3, 16, 16)),
    "tokens": EMPTY,
    "series": Block(("left", "right"), (12, 2)),
    "lengths": Block(("lengths",), ()),
}
BY_TORCH: dict[str, tuple[Any, dict[str, Any]]] = {
    "xavier_uniform": (nn.init.xavier_uniform_, {}),
    "glorot_uniform": (nn.init.xavier_uniform_, {}),
    "xavier_normal": (nn.init.xavier_normal_, {}),
    "glorot_normal": (nn.init.xavier_normal_, {}),
    "kaiming_uniform": (nn.init.kaiming_uniform_, {"nonlinearity": "relu"}),
    "he_uniform": (nn.init.kaiming_uniform_, {"nonlinearity": "relu"}),
    "kaiming_normal": (nn.init.kaiming_normal_, {"nonlinearity": "relu"}),
    "he_normal": (nn.init.kaiming_normal_, {"nonlinearity": "relu"}),
    "lecun_normal": (nn.init.kaiming_normal_, {"nonlinearity": "linear"}),
    "orthogonal": (nn.init.orthogonal_, {}),
    "trunc_normal": (nn.init.trunc_normal_, {"std": 0.02, "a": -0.04, "b": 0.04}),
}
CONTINUES = {"pretrained"}
"""Architectures whose weights are there already."""
BY_ANOTHER_WORD = {"rnn": "initialization", "gru": "initialization", "lstm": "initialization"}
NAMES = [name for name in sorted(installed().names("architecture")) if name not in CONTINUES]


def built(name: str, start: str) -> nn.Module:
    plugin = installed().find(Architecture, name).model_validate({BY_ANOTHER_WORD.get(name, "init"): start})
    found = {kind: BLOCKS[kind] for kind in plugin.accepts}
    try:
        return plugin.build(InputSpec(found), 3)
    except RecipeError:  # an image and a series at once
        return plugin.build(InputSpec({**found, "series": EMPTY}), 3)


def test_every_name_is_there():
    assert set(starts.STARTS) == set(BY_TORCH) == set(get_args(NamedStart))
    assert set(get_args(Start)) == {"auto", *BY_TORCH}


@pytest.mark.parametrize("name", BY_TORCH)
@pytest.mark.parametrize("shape", [(7, 5), (6, 3, 3, 3)])
def test_the_numbers_are_torchs_own(name, shape):
    function, settings = BY_TORCH[name]
    ours, theirs = torch.empty(shape), torch.empty(shape)
    torch.manual_seed(3)
    starts.STARTS[name](ours)
    torch.manual_seed(3)
    function(theirs, **settings)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("architecture", NAMES)
def test_every_architecture_takes_every_name(architecture):
    cls = installed().find(Architecture, architecture)
    for name in BY_TORCH:
        check_settings(cls, {BY_ANOTHER_WORD.get(architecture, "init"): name})
        assert all(p.isfinite().all() for p in built(architecture, name).parameters())


@pytest.mark.parametrize("architecture", [name for name in NAMES if name != "linear"])  # which has no hidden weight
def test_the_name_decides_every_hidden_weight_and_no_other(architecture, monkeypatch):
    monkeypatch.setitem(starts.STARTS, "xavier_normal", lambda weight: nn.init.constant_(weight, 7.0))
    network = built(architecture, "xavier_normal")
    hidden, others = [], []
    for module in network.modules():
        if isinstance(module, nn.RNNBase):
            hidden += [p for name, p in module.named_parameters() if name.startswith("weight")]
        elif isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and module is not network.output:
            hidden.append(module.weight)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.Embedding | nn.LayerNorm | nn.BatchNorm1d | nn.BatchNorm2d):
            others += list(module.parameters())
    assert hidden
    beside = getattr(network, "beside", None)  # of a sequence's plain columns: a start of its own in rnn, lstm and gru
    left = set() if beside is None else {id(p) for p in beside.parameters()}
    assert all((weight == 7.0).all() for weight in hidden if id(weight) not in left)
    assert not (network.output.weight == 7.0).any()
    assert not any((p == 7.0).any() for p in others)


def test_auto_draws_nothing_more():
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before, state = layers[0].weight.clone(), torch.get_rng_state()
    starts.start_hidden(layers, "auto", layers[1])
    assert torch.equal(layers[0].weight, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_linear_starts_by_name_too():
    inputs = InputSpec({"numeric": BLOCKS["numeric"]})
    torch.manual_seed(5)
    layer = Linear(init="orthogonal").build(inputs, 3)
    assert torch.allclose(layer.weight @ layer.weight.T, torch.eye(3), atol=1e-6)
    assert not layer.bias.any()


def test_each_gate_of_a_recurrent_network_starts_by_itself():
    series = InputSpec({**dict.fromkeys(LSTM.accepts, EMPTY), "series": BLOCKS["series"], "lengths": BLOCKS["lengths"]})
    recurrent = LSTM(hidden=6, initialization="kaiming_uniform").build(series, 2).recurrent
    bound = (6 / 6) ** 0.5  # of one gate, (6, 6): sqrt(6 / inputs); of all four at once it would be the same
    assert recurrent.weight_hh_l0.abs().max() <= bound
    glorot = LSTM(hidden=6, initialization="xavier_uniform").build(series, 2).recurrent
    assert (6 / 12) ** 0.5 * 0.9 < glorot.weight_hh_l0.abs().max() <= (6 / 12) ** 0.5
    assert (glorot.bias_ih_l0[6:12] == 1).all()


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="'auto', 'xavier_uniform'"):
        MLP.model_validate({"init": "xavier"})
