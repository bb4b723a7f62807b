from collections import OrderedDict
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import RecipeError
from recipeline_plugins.regularization.dropout import Dropout


def dropouts(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Dropout)]


class Stranger(nn.Module):
    """An activation used twice, registered last, and a branch of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 8)
        self.branch = nn.ModuleDict({"gate": nn.Sequential(nn.Linear(3, 8), nn.Sigmoid())})
        self.second = nn.Linear(8, 8)
        self.last = nn.Linear(8, 2)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.act(self.first(x)) * self.branch["gate"](x)
        out: torch.Tensor = self.last(self.act(self.second(h)))
        return out


def test_stands_after_hidden_activations_and_not_after_the_last() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 1), nn.Sigmoid())
    rewritten = Dropout(p=0.25).rewrite(model)
    assert dropouts(rewritten) == ["1.1", "3.1"]
    assert rewritten.get_submodule("1.1").p == 0.25
    assert isinstance(rewritten.get_submodule("5"), nn.Sigmoid)


def test_finds_the_last_activation_inside_a_module_of_its_own() -> None:
    body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.Tanh())
    model = nn.Sequential(OrderedDict(body=body))
    assert dropouts(Dropout().rewrite(model)) == ["body.1.1"]


def test_works_on_an_architecture_it_does_not_know() -> None:
    model = Dropout().rewrite(Stranger())
    assert dropouts(model) == ["branch.gate.1.1", "act.1"]
    model(torch.randn(4, 3)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_an_activation_in_two_places_is_replaced_in_both() -> None:
    shared = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 4), shared, nn.Linear(4, 4), shared, nn.Linear(4, 1))
    Dropout(p=0.5).rewrite(model)
    assert model[1] is model[3]
    assert isinstance(model[3], nn.Sequential)


def test_leaves_attention_and_softmax_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 1))
    with pytest.raises(RecipeError, match="found nothing to act on"):
        Dropout().rewrite(model)


def test_drops_the_share_and_scales_the_rest() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Identity())
    Dropout(p=0.3).rewrite(model)
    out = model(torch.ones(100_000))
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert out.max().item() == pytest.approx(1 / 0.7, rel=1e-6)
    model.eval()
    assert torch.equal(model(torch.ones(5)), torch.ones(5))


def test_a_share_of_almost_nothing_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    x = torch.randn(20, 3)
    expected = model(x)
    torch.testing.assert_close(Dropout(p=1e-12).rewrite(model)(x), expected)


def test_units_left_out_share_the_work() -> None:
    """Two inputs that say the same: least squares may put all weight on one, dropout's mean loss is least at halves."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model.get_parameter("0.weight").fill_(1.0)
        model.get_parameter("2.weight").copy_(torch.tensor([[1.0, 0.0]]))
    model.get_parameter("0.weight").requires_grad_(False)
    Dropout(p=0.3).rewrite(model)
    optimizer = torch.optim.SGD([model.get_parameter("2.weight")], lr=0.02)
    x = torch.rand(2000, 1) + 0.5
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
    # The mean over what is left out is x² times (a + b - 1)² + p / (1 - p) (a² + b²).
    best = 1 / (2 + 0.3 / 0.7)
    assert model.get_parameter("2.weight").tolist()[0] == pytest.approx([best, best], abs=0.02)


def test_says_that_there_is_nothing_to_act_on() -> None:
    words = r"'dropout' found nothing to act on: .* no hidden activation .* Remove 'dropout'"
    for model in (nn.Linear(3, 1), nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), nn.ReLU()):
        with pytest.raises(RecipeError, match=words):
            Dropout().rewrite(model)


@pytest.mark.parametrize(("p", "words"), [(0.0, "greater than 0"), (1.0, "less than 1"), ("0.5", "valid number")])
def test_refuses(p: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Dropout.model_validate({"p": p})
