from typing import Any

import torch
from torch import nn

from recipeline_plugins.architecture.ft_transformer_network import Attention, FeatureTransformer, GatedReLU, Tokens


def network(**settings: Any) -> FeatureTransformer:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"numeric": 3, "cardinalities": (4, 5), "outputs": 2, "width": 8, "heads": 2, "inner": 6}
    return FeatureTransformer(**(shape | {"blocks": 2} | settings))


def test_each_column_is_a_token() -> None:
    tokens = Tokens(2, (3,), 4)
    x, codes = torch.randn(5, 2), torch.tensor([[0], [1], [2], [1], [0]])
    out = tokens(x, codes)  # (batch, answer + 2 numbers + 1 code, width)
    assert out.shape == (5, 4, 4)
    torch.testing.assert_close(out[:, 0], tokens.answer.expand(5, 4))
    torch.testing.assert_close(out[:, 2], x[:, 1:] * tokens.weight[1] + tokens.bias[1])
    embedded = tokens.get_parameter("embeddings.0.weight")[codes[:, 0]]
    torch.testing.assert_close(out[:, 3], embedded + tokens.bias[2])


def test_attention_equals_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(8, 2, 0.0), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.ask.weight)
        theirs.in_proj_bias.copy_(ours.ask.bias)
        theirs.out_proj.load_state_dict(ours.answer.state_dict())
    t = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(t), theirs(t, t, t, need_weights=False)[0], rtol=1e-5, atol=1e-6)


def test_one_half_gates_the_other() -> None:
    assert GatedReLU()(torch.tensor([[2.0, 3.0, -1.0, 5.0]])).tolist() == [[0.0, 15.0]]


def test_the_first_attention_has_no_normalization() -> None:
    net = network()
    assert isinstance(net.get_submodule("blocks.0.attention.0"), nn.Identity)
    assert isinstance(net.get_submodule("blocks.1.attention.0"), nn.LayerNorm)


def test_every_column_reaches_the_answer() -> None:
    net = network()
    x = torch.randn(4, 3, requires_grad=True)
    codes = torch.randint(0, 4, (4, 2))
    net(x, codes).sum().backward()
    assert x.grad is not None
    assert x.grad.ne(0).all()
    other = codes.clone()
    other[:, 1] = (other[:, 1] + 1) % 5
    assert not torch.equal(net(x, codes), net(x, other))


def test_attention_is_dropped_in_training_only() -> None:
    net = network(attention_dropout=0.5)
    x, codes = torch.randn(4, 3), torch.randint(0, 4, (4, 2))
    assert not torch.equal(net(x, codes), net(x, codes))
    net.eval()
    assert torch.equal(net(x, codes), net(x, codes))
