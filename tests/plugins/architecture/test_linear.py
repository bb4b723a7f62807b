import pytest
import torch
from pydantic import ValidationError

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.linear import Linear

INPUTS = InputSpec({"numeric": Block(("a", "b"), (2,))})


def test_is_a_matrix_and_a_bias_that_start_at_zero() -> None:
    layer = Linear().build(INPUTS, 3)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {"weight": (3, 2), "bias": (3,)}
    assert not any(p.any() for p in layer.parameters())
    x = torch.tensor([[2.0, -1.0]])
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]))
        layer.bias.copy_(torch.tensor([0.5, 0.0, 0.0]))
    assert layer(x).tolist() == [[0.5, 2.0, -1.0]]


def test_finds_the_least_squares_solution() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 2, generator=generator)
    y = x @ torch.tensor([[1.5], [-2.0]]) + 0.7
    layer = Linear().build(INPUTS, 1)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=50)

    def closure() -> float:
        optimizer.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    assert layer.weight.flatten().tolist() == pytest.approx([1.5, -2.0], abs=1e-3)
    assert layer.bias.item() == pytest.approx(0.7, abs=1e-3)


def test_without_a_bias_it_passes_through_the_origin() -> None:
    layer = Linear(bias=False).build(INPUTS, 3)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert not layer(torch.zeros(1, 2)).any()


def test_starts_where_init_says() -> None:
    layer = Linear(init=0.1).build(INPUTS, 3)
    assert layer.weight.flatten().tolist() == pytest.approx([0.1] * 6)
    assert not layer.bias.any()
    torch.manual_seed(0)
    drawn = Linear(init="random").build(INPUTS, 3)
    assert 0 < drawn.weight.abs().max() <= 2**-0.5
    assert drawn.bias.any()


@pytest.mark.parametrize("init", ["ones", True, None])
def test_refuses_another_start(init: object) -> None:
    with pytest.raises(ValidationError, match="'zeros', 'random'"):
        Linear.model_validate({"init": init})


def test_refuses_a_bias_that_is_no_yes_or_no() -> None:
    with pytest.raises(ValidationError, match="valid boolean"):
        Linear.model_validate({"bias": 1})


@pytest.mark.parametrize("inputs", [InputSpec({}), InputSpec({"numeric": Block((), (0,))})])
def test_says_that_there_are_no_inputs(inputs: InputSpec) -> None:
    with pytest.raises(RecipeError, match=r"'linear' has no inputs: no numeric feature .* 'one_hot'"):
        Linear().build(inputs, 1)
