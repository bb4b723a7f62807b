from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.mlp import MLP
from recipeline_plugins.regularization.batch_norm import BatchNorm
from recipeline_plugins.regularization.batch_norm_rewrite import UnitNorm


def norms(model: nn.Module) -> list[str]:
    return [name for name, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def test_stands_behind_hidden_layers_and_not_behind_the_output() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))
    BatchNorm(momentum=0.3, eps=1e-3).rewrite(model)
    assert norms(model) == ["0.1", "2.1"]
    norm = model.get_submodule("2.1")
    assert (norm.num_features, norm.momentum, norm.eps) == (5, 0.3, 1e-3)


def test_on_mlp_it_is_its_own_normalization() -> None:
    inputs = InputSpec({"numeric": Block(("a", "b"), (2,)), "categorical": Block((), (0,))})
    torch.manual_seed(0)
    added = BatchNorm().rewrite(MLP(hidden=[4, 3]).build(inputs, 2))
    torch.manual_seed(0)
    own = MLP(hidden=[4, 3], normalization="batch").build(inputs, 2)
    x, none = torch.randn(30, 2), torch.empty(30, 0, dtype=torch.int64)
    torch.testing.assert_close(added(x, none), own(x, none))


def test_leaves_what_is_normalized_alone() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    assert norms(BatchNorm().rewrite(model)) == ["3.1"]


def test_kernels_get_their_own_kind_and_attention_is_left_alone() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv1d(2, 3, 1), nn.MultiheadAttention(4, 2), nn.Linear(4, 1))
    BatchNorm().rewrite(model)
    assert isinstance(model.get_submodule("0.1"), nn.BatchNorm2d)
    assert isinstance(model.get_submodule("1.1"), nn.BatchNorm1d)
    assert norms(model) == ["0.1", "1.1"]


def test_a_layer_in_two_places_is_replaced_in_both() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(3, 1))
    BatchNorm().rewrite(model)
    assert model[0] is model[2]
    assert isinstance(model[0], nn.Sequential)


def test_hidden_layers_have_mean_zero_and_variance_one() -> None:
    model = BatchNorm().rewrite(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)))
    out = model.get_submodule("0")(torch.randn(500, 3) * 7 + 3)
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.var(dim=0, correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_what_has_mean_zero_and_variance_one_already_is_left_as_it_is() -> None:
    x = torch.randn(500, 4, dtype=torch.float64)
    x = (x - x.mean(dim=0)) / x.std(dim=0, correction=0)
    model = BatchNorm(eps=1e-12).rewrite(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))).double()
    with torch.no_grad():
        model.get_parameter("0.0.weight").copy_(torch.eye(4))
        model.get_parameter("0.0.bias").zero_()
    torch.testing.assert_close(model.get_submodule("0")(x), x)


def test_a_single_row_and_tokens_are_taken() -> None:
    norm = UnitNorm(4)
    tokens = torch.randn(5, 7, 4) * 3 + 1
    flat = UnitNorm(4)(tokens.flatten(0, 1))
    torch.testing.assert_close(norm(tokens).flatten(0, 1), flat)
    mean = norm.running_mean
    assert mean is not None
    before = mean.clone()
    assert norm(torch.randn(1, 4)).isfinite().all()
    assert torch.equal(mean, before)


def test_says_that_there_is_nothing_to_act_on() -> None:
    for model in (nn.Linear(3, 1), nn.ReLU(), nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))):
        with pytest.raises(RecipeError, match=r"'batch_norm' found nothing to act on: .* Remove 'batch_norm'"):
            BatchNorm().rewrite(model)


@pytest.mark.parametrize(("settings", "words"), [({"momentum": 0.0}, "greater than 0"), ({"eps": "1"}, "valid number")])
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        BatchNorm.model_validate(settings)
