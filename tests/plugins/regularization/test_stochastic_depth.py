from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.ft_transformer import FTTransformer
from recipeline_plugins.architecture.mlp import MLP
from recipeline_plugins.architecture.tabular_resnet import TabularResNet
from recipeline_plugins.regularization.stochastic_depth import StochasticDepth
from recipeline_plugins.regularization.stochastic_depth_rewrite import DropRows

INPUTS = InputSpec({"numeric": Block(("a", "b"), (2,)), "categorical": Block((), (0,))})


def chances(model: nn.Module) -> list[float]:
    return [m.p for m in model.modules() if isinstance(m, DropRows)]


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (TabularResNet(width=8, blocks=4), [0.1, 0.2, 0.3, 0.4]),
        (FTTransformer(width=8, heads=2, blocks=1), [0.2, 0.4]),
        (MLP(hidden=[8, 8], residual=True), [0.2, 0.4]),
    ],
)
def test_finds_the_branches_of_the_built_in_architectures(architecture: Any, expected: list[float]) -> None:
    model = StochasticDepth(p=0.4).rewrite(architecture.build(INPUTS, 3))
    assert chances(model) == pytest.approx(expected)
    out = model(torch.randn(6, 2), torch.empty(6, 0, dtype=torch.int64))
    out.sum().backward()


def test_may_treat_all_alike_and_knows_torchs_transformer() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = StochasticDepth(p=0.3, linear=False).rewrite(nn.Sequential(layer, nn.Linear(8, 1)))
    assert chances(model) == [0.3, 0.3]
    model(torch.randn(4, 5, 8)).sum().backward()


def test_leaves_out_rows_and_scales_the_others() -> None:
    torch.manual_seed(0)
    drop = DropRows(0.3)
    out = drop(torch.ones(100_000, 2))
    rows = out[:, 0]
    assert torch.equal(out[:, 0], out[:, 1])
    assert (rows == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert rows.max().item() == pytest.approx(1 / 0.7, rel=1e-6)


def test_evaluation_is_as_without() -> None:
    torch.manual_seed(0)
    plain = TabularResNet(width=8).build(INPUTS, 3).eval()
    torch.manual_seed(0)
    model = StochasticDepth(p=0.9).rewrite(TabularResNet(width=8).build(INPUTS, 3)).eval()
    x, none = torch.randn(6, 2), torch.empty(6, 0, dtype=torch.int64)
    assert torch.equal(model(x, none), plain(x, none))


def test_a_chance_of_almost_nothing_changes_nothing() -> None:
    torch.manual_seed(0)
    plain = TabularResNet(width=8, hidden_dropout=0.0).build(INPUTS, 3)
    torch.manual_seed(0)
    model = StochasticDepth(p=1e-12).rewrite(TabularResNet(width=8, hidden_dropout=0.0).build(INPUTS, 3))
    x, none = torch.randn(6, 2), torch.empty(6, 0, dtype=torch.int64)
    torch.testing.assert_close(model(x, none), plain(x, none))


def test_says_that_there_is_nothing_to_act_on() -> None:
    words = "'stochastic_depth' found nothing to act on: .* such as 'tabular_resnet'"
    for model in (nn.Linear(3, 1), MLP(hidden=[8, 8]).build(INPUTS, 3)):
        with pytest.raises(RecipeError, match=words):
            StochasticDepth().rewrite(model)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"p": 0.0}, "greater than 0"),
        ({"p": 1.0}, "less than 1"),
        ({"p": "0.5"}, "valid number"),
        ({"linear": 1}, "valid boolean"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StochasticDepth.model_validate(settings)
