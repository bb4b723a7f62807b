import numpy as np
import pytest
import torch
from torch import nn

from recipeline_plugins.architecture.mlp_network import ACTIVATIONS, BatchNorm, MultilayerPerceptron

NO_CODES = torch.empty(6, 0, dtype=torch.int64)


def test_equals_the_formula() -> None:
    torch.manual_seed(0)
    network = MultilayerPerceptron(numeric=3, cardinalities=(4,), outputs=2, hidden=[5], activation="tanh", embedding=2)
    x, codes = torch.randn(6, 3), torch.tensor([[0], [1], [2], [3], [0], [1]])
    p = {name: value.detach().double().numpy() for name, value in network.named_parameters()}
    h0 = np.concatenate([x.numpy(), p["embeddings.0.weight"][codes[:, 0]]], axis=1)
    h1 = np.tanh(h0 @ p["hidden.0.0.weight"].T + p["hidden.0.0.bias"])
    expected = h1 @ p["output.weight"].T + p["output.bias"]
    np.testing.assert_allclose(network(x, codes).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_residual_layers_add_their_input() -> None:
    network = MultilayerPerceptron(numeric=3, cardinalities=(), outputs=2, hidden=[3], residual=True)
    x = torch.randn(6, 3)
    with torch.no_grad():
        for parameter in network.hidden.parameters():
            parameter.zero_()
    torch.testing.assert_close(network(x, NO_CODES), network.output(x))


def test_layers_stand_in_the_order_of_the_docs() -> None:
    network = MultilayerPerceptron(
        numeric=3, cardinalities=(), outputs=2, hidden=[4], normalization="batch", activation="gelu", dropout=0.3
    )
    layers = list(network.hidden[0].children())
    assert [type(layer) for layer in layers] == [nn.Linear, BatchNorm, nn.GELU, nn.Dropout]
    assert layers[3].p == 0.3


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains(name: str) -> None:
    torch.manual_seed(0)
    network = MultilayerPerceptron(numeric=3, cardinalities=(), outputs=2, hidden=[4, 4], activation=name)
    network(torch.randn(6, 3), NO_CODES).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 400), ("gelu", 2 / 400), ("tanh", 2 / (400 + 300)), ("sigmoid", 2 / (400 + 300))],
)
def test_starts_with_the_variance_of_its_paper(activation: str, variance: float) -> None:
    torch.manual_seed(0)
    network = MultilayerPerceptron(numeric=400, cardinalities=(), outputs=2, hidden=[300], activation=activation)
    first = network.hidden[0][0]
    assert first.weight.var().item() == pytest.approx(variance, rel=0.02)
    assert not first.bias.any()


def test_a_deep_relu_network_keeps_the_size_of_its_signal() -> None:
    torch.manual_seed(0)
    network = MultilayerPerceptron(numeric=256, cardinalities=(), outputs=2, hidden=[256] * 10)
    with torch.no_grad():
        out = network.hidden(torch.randn(500, 256))
    assert 0.5 < out.square().mean().item() < 2


def test_batch_norm_is_not_stopped_by_a_single_row() -> None:
    norm = BatchNorm(4)
    norm(torch.randn(20, 4) * 3 + 5)
    mean = norm.running_mean.clone()
    x = torch.randn(1, 4)
    alone = norm(x)
    norm.eval()
    torch.testing.assert_close(alone, norm(x))
    assert torch.equal(norm.running_mean, mean)


def test_batch_norm_is_torchs_for_more_rows() -> None:
    ours, theirs, x = BatchNorm(4), nn.BatchNorm1d(4), torch.randn(20, 4)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_var, theirs.running_var)
