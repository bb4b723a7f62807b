import pytest
import torch

from recipeline_plugins.architecture.tabular_resnet_network import ResidualBlock, TabularResidualNetwork


def network(**settings: float) -> TabularResidualNetwork:
    torch.manual_seed(0)
    return TabularResidualNetwork(numeric=3, cardinalities=(4,), outputs=2, width=8, blocks=2, inner=12, **settings)


def test_equals_the_papers_formula() -> None:
    net = network().double()
    x, codes = torch.randn(20, 3, dtype=torch.float64), torch.randint(0, 4, (20, 1))

    def batch_norm(h: torch.Tensor) -> torch.Tensor:
        return (h - h.mean(dim=0)) / (h.var(dim=0, correction=0) + 1e-5).sqrt()

    def linear(name: str, h: torch.Tensor) -> torch.Tensor:
        return h @ net.get_parameter(f"{name}.weight").T + net.get_parameter(f"{name}.bias")

    h = linear("first", torch.cat([x, net.get_parameter("inputs.embeddings.0.weight")[codes[:, 0]]], dim=1))
    for block in ("blocks.0.branch", "blocks.1.branch"):
        h = h + linear(f"{block}.4", linear(f"{block}.1", batch_norm(h)).relu())
    torch.testing.assert_close(net(x, codes), linear("output", batch_norm(h).relu()))


def test_a_block_without_a_branch_is_the_identity() -> None:
    block = ResidualBlock(4, 8, 0.0, 0.0)
    for p in block.parameters():
        torch.nn.init.zeros_(p)
    x = torch.randn(5, 4)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("rows", [1, 2, 33])
def test_takes_batches_of_every_size(rows: int) -> None:
    out = network(hidden_dropout=0.2)(torch.randn(rows, 3), torch.randint(0, 4, (rows, 1)))
    assert out.shape == (rows, 2)
    assert out.isfinite().all()
